-- All ways to put eight queens, by backtracking.
local function place(row, n, columns, up, down)
    if row == n then return 1 end
    local count = 0
    local column = 0
    while column < n do
        if not columns[column + 1] and not up[row + column + 1] and not down[row - column + n + 1] then
            columns[column + 1] = true
            up[row + column + 1] = true
            down[row - column + n + 1] = true
            count = count + place(row + 1, n, columns, up, down)
            columns[column + 1] = false
            up[row + column + 1] = false
            down[row - column + n + 1] = false
        end
        column = column + 1
    end
    return count
end

local function filled(n)
    local list = {}
    for i = 1, n do list[i] = false end
    return list
end

local function run(n, rounds)
    local sum = 0
    for round = 1, rounds do
        sum = sum + place(0, n, filled(n), filled(2 * n), filled(2 * n + 1))
    end
    return sum
end

print(run(8, 150))
