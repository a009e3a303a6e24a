# Writes a document of 10 MB as JSON, once, and reads it back.
import json
import sys


def document(n):
    records = []
    for i in range(1, n + 1):
        records.append({
            "id": i,
            "name": f'user "{i}"',
            "tags": ["red", "green", f"t{i % 10}"],
            "score": i + 0.5,
            "active": i % 2 == 0,
            "place": {"x": i % 90, "y": i % 180},
        })
    return {"version": 1, "records": records}


def main(n):
    text = json.dumps(document(n), separators=(",", ":"))
    total = 0.0
    for record in json.loads(text)["records"]:
        if record["active"]:
            total += record["score"] + record["place"]["y"] + len(record["tags"])
    print(len(text), int(total * 10))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 95000)
