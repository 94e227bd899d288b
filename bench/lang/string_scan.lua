-- A text read by index, compared and counted.
local function run(text, rounds)
    local words = 0
    local vowels = 0
    for round = 1, rounds do
        local i = 1
        local length = #text
        while i <= length do
            local c = text:sub(i, i)
            if c == " " then
                words = words + 1
            elseif c == "a" or c == "e" or c == "i" or c == "o" or c == "u" then
                vowels = vowels + 1
            end
            i = i + 1
        end
    end
    return words * 1000 + vowels
end

print(run("the quick brown fox jumps over the lazy dog and runs away from it", 50000))
