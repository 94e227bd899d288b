-- Binary trees made and walked: allocation and collection.
local function make(depth)
    if depth == 0 then return { nil, nil } end
    return { make(depth - 1), make(depth - 1) }
end

local function count(tree)
    if tree[1] == nil then return 1 end
    return 1 + count(tree[1]) + count(tree[2])
end

local function run(depth, rounds)
    local kept = make(depth)
    local sum = 0
    for round = 1, rounds do sum = sum + count(make(depth - 2)) end
    return sum + count(kept)
end

print(run(14, 100))
