-- Product of two matrices, lists of lists of floats.
local function make(n, seed)
    local rows = {}
    for i = 0, n - 1 do
        local row = {}
        for j = 0, n - 1 do row[j + 1] = (i * seed + j) % 10 + 0.0 end
        rows[i + 1] = row
    end
    return rows
end

local function multiply(a, b, n)
    local rows = {}
    for i = 1, n do
        local row = {}
        local left = a[i]
        for j = 1, n do
            local sum = 0.0
            for k = 1, n do sum = sum + left[k] * b[k][j] end
            row[j] = sum
        end
        rows[i] = row
    end
    return rows
end

local product = multiply(make(200, 3), make(200, 7), 200)
print(string.format("%d", product[1][1] + product[71][81] + product[200][200]))
