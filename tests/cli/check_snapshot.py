"""Checks a heap snapshot node by node. Usage: check_snapshot.py FILE [bytes=N] [NAME...]

Every index must name something, the edge counts must add up, every edge must end where a node
begins, every node must be reached from node 0, and a NAME must be the name of a node or an edge.
Prints what is wrong and exits 1, or prints the sums.
"""

import json
import sys


def main(path, wanted):
    with open(path, encoding="utf-8") as file:
        snapshot = json.load(file)
    meta = snapshot["snapshot"]["meta"]
    nodes, edges, strings = snapshot["nodes"], snapshot["edges"], snapshot["strings"]
    width, edge_width = len(meta["node_fields"]), len(meta["edge_fields"])
    assert len(meta["node_types"]) == width
    assert len(meta["edge_types"]) == edge_width
    assert len(nodes) == width * snapshot["snapshot"]["node_count"], "node_count"
    assert len(edges) == edge_width * snapshot["snapshot"]["edge_count"], "edge_count"
    assert all(isinstance(n, int) and 0 <= n < 1 << 32 for n in nodes + edges), "numbers"
    assert all(isinstance(s, str) for s in strings), "strings"
    assert len(set(strings)) == len(strings), "a string stands twice"
    at = {name: i for i, name in enumerate(meta["node_fields"])}
    node_types, edge_types = meta["node_types"][0], meta["edge_types"][0]

    starts, used, ids, size, next_edge = [], set(), set(), 0, 0
    for i in range(0, len(nodes), width):
        node = nodes[i : i + width]
        assert node[at["type"]] < len(node_types), f"node {i}: type"
        assert node[at["name"]] < len(strings), f"node {i}: name"
        used.add(node[at["name"]])
        assert node[at["id"]] not in ids, f"node {i}: id {node[at['id']]} stands twice"
        ids.add(node[at["id"]])
        is_synthetic = node_types[node[at["type"]]] == "synthetic"
        assert is_synthetic == (node[at["self_size"]] == 0), f"node {i}: self_size"
        size += node[at["self_size"]]
        starts.append(next_edge)
        next_edge += node[at["edge_count"]]
    assert next_edge * edge_width == len(edges), "edge counts do not add up"
    starts.append(next_edge)

    for i in range(0, len(edges), edge_width):
        kind, name, to = edges[i : i + edge_width]
        assert kind < len(edge_types), f"edge {i}: type"
        assert to < len(nodes) and to % width == 0, f"edge {i}: ends inside a node"
        if edge_types[kind] not in ("element", "hidden"):
            assert name < len(strings), f"edge {i}: name"
            used.add(name)
    assert used == set(range(len(strings))), "a string that nothing uses"

    seen, stack = {0}, [0]
    while stack:
        node = stack.pop()
        for edge in range(starts[node], starts[node + 1]):
            to = edges[edge * edge_width + 2] // width
            if to not in seen:
                seen.add(to)
                stack.append(to)
    assert len(seen) * width == len(nodes), f"{len(nodes) // width - len(seen)} nodes unreached"

    for want in wanted:
        if want.startswith("bytes="):
            assert size == int(want[6:]), f"self sizes: {size}, expected {want}"
        else:
            assert want in strings, f"no name '{want}'"
    print(f"{len(nodes) // width} nodes, {len(edges) // edge_width} edges, {size} bytes")


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2:])
    except AssertionError as wrong:
        print(f"{sys.argv[1]}: {wrong}")
        sys.exit(1)
