-- A map with integer keys, filled, read and emptied.
local function run(size, rounds)
    local sum = 0
    for round = 1, rounds do
        local squares = {}
        for i = 0, size - 1 do squares[i * 7] = i * i end
        for i = 0, size - 1 do sum = sum + squares[i * 7] end
        for i = 0, size - 1 do squares[i * 7] = nil end
        if next(squares) ~= nil then sum = sum + 1 end
    end
    return sum
end

print(run(1000, 1000))
