-- One large tree that lives, and many small ones that do not: what a collection of linked records costs.
local function grow(depth)
    if depth == 0 then return { left = nil, right = nil } end
    return { left = grow(depth - 1), right = grow(depth - 1) }
end

local function count(tree)
    if tree.left == nil then return 1 end
    return 1 + count(tree.left) + count(tree.right)
end

local kept = grow(18)
local passed = 0
for i = 1, 6000 do passed = passed + count(grow(9)) end
print(passed)
print(count(kept))
