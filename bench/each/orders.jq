# bench/each/orders.zx in jq: jq -c -f orders.jq. jq upper-cases ASCII letters only.
(.price * .count) as $total
| if (.active | not) or $total < 100 then null
  else {id, who: .customer.name, city: (.city | ascii_upcase), total: $total, tags: [.tags[] | select(. != "bulk")]}
  end
