-- A list that grows, is read and written by index: the same algorithm as list_loop.zx. Indexes start
-- at 1 here, so that the table is a sequence for Lua, too.
local function run(size, rounds)
    local list = {}
    local i = 0
    while i < size do
        list[#list + 1] = i
        i = i + 1
    end
    local sum = 0
    local round = 0
    while round < rounds do
        i = 2
        while i <= size do
            list[i] = (list[i - 1] + list[i]) % 1000
            i = i + 1
        end
        sum = sum + list[size]
        round = round + 1
    end
    return sum
end

print(run(100000, 40))
