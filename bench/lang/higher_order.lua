-- map, filter and reduce with small functions.
local function map(list, f)
    local out = {}
    for i = 1, #list do out[i] = f(list[i]) end
    return out
end

local function filter(list, f)
    local out = {}
    for i = 1, #list do
        local x = list[i]
        if f(x) then out[#out + 1] = x end
    end
    return out
end

local function reduce(list, f, sum)
    for i = 1, #list do sum = f(sum, list[i]) end
    return sum
end

local function run(size, rounds)
    local list = {}
    for i = 0, size - 1 do list[#list + 1] = i end
    local sum = 0
    for round = 1, rounds do
        local tripled = map(list, function(x) return x * 3 end)
        local even = filter(tripled, function(x) return x % 2 == 0 end)
        sum = sum + reduce(even, function(a, b) return a + b end, 0)
    end
    return sum
end

print(run(1000, 1500))
