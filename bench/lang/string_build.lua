-- A long string built piece by piece, from a table: Lua's way to do it in linear time.
local function run(rounds)
    local parts = {}
    local i = 0
    while i < rounds do
        parts[#parts + 1] = "x"
        if i % 10 == 9 then parts[#parts + 1] = ", " end
        i = i + 1
    end
    return #table.concat(parts)
end

print(run(2000000))
