-- A table of 100,000 small maps of which a random one is replaced again and again: old objects are written
-- all the time, and what dies is seldom young.
local sessions = {}
for i = 0, 99999 do sessions[i + 1] = { id = i, seen = { i, i + 1 } } end
local at = 1
local sum = 0
for i = 0, 1499999 do
    at = (at * 1103515245 + 12345) % 2147483648
    local k = at % 100000
    local before = sessions[k + 1]
    sessions[k + 1] = { id = before.id, seen = { i, before.seen[1] } }
    sum = (sum + before.seen[1]) % 1000003
end
print(sum)
