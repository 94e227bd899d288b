-- Short strings made of numbers and others, and compared.
local function run(rounds)
    local same = 0
    local length = 0
    local i = 0
    while i < rounds do
        local name = "item-" .. i % 100 .. ":" .. i % 7
        local other = "item-" .. tostring(i % 50) .. ":" .. tostring(i % 7)
        if name == other then same = same + 1 end
        length = length + #name
        i = i + 1
    end
    return same + length
end

print(run(300000))
