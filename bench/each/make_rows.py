#!/usr/bin/env python3
"""Writes N rows of orders as JSON lines, the same for the same N. Usage: make_rows.py N >ORDERS.jsonl"""
import json
import random
import sys

random.seed(7)
CITIES = ["Oslo", "Wien", "Bern", "Praha", "Roma", "Riga", "Gdynia", "Porto"]
for number in range(int(sys.argv[1])):
    row = {"id": 9007199254740993 + number, "city": random.choice(CITIES), "active": random.random() < 0.7,
           "price": round(random.uniform(1, 200), 2), "count": random.randint(1, 12),
           "tags": random.sample(["new", "gift", "express", "return", "bulk"], random.randint(0, 3)),
           "customer": {"name": f"K\u00e4ufer {number % 5000}", "level": random.randint(0, 4)}}
    print(json.dumps(row, ensure_ascii=False, separators=(",", ":")))
