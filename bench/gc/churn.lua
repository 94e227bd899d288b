-- As churn.zx. Argument: incremental (default) or generational.
if arg[1] == "generational" then collectgarbage("generational") end
local function build(count)
  local head = nil
  for i = 0, count - 1 do head = {value = i, next = head} end
  return head
end

local function churn(rounds)
  local sum = 0
  for i = 0, rounds - 1 do
    local pair = {value = i, next = nil}
    sum = (sum + pair.value) % 1000003
  end
  return sum
end

local kept = build(2000000)
print(churn(10000000))
local count = 0
while kept do
  count = count + 1
  kept = kept.next
end
print(count)
