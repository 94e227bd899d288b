"""bench/each/orders.zx in Python: JSON lines from stdin to stdout."""
import json
import sys


def main(order):
    total = order["price"] * order["count"]
    if not order["active"] or total < 100:
        return None
    tags = [tag for tag in order["tags"] if tag != "bulk"]
    return {"id": order["id"], "who": order["customer"]["name"], "city": order["city"].upper(), "total": total, "tags": tags}


write = sys.stdout.write
dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
for line in sys.stdin:
    write(dumps(main(json.loads(line))) + "\n")
