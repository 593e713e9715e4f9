"""Reads and replays dead letters of what boto3 put into the cloud in the environment, and of what boto3 wrote into the
dead-letter table itself; boto3 reads the tables afterwards.

    .ci/rejects.py SENSORCTL
"""
import json, subprocess, sys, time

import boto3

STREAM, TABLE, REJECTS = "temperature-sensor-data", "SensorData", "SensorDataRejects"


def run(sensorctl, *arguments, code=0):
    done = subprocess.run([sensorctl, "-q", *arguments], capture_output=True, text=True)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done.stdout


def scan(dynamodb, table):
    return [item for page in dynamodb.get_paginator("scan").paginate(TableName=table) for item in page["Items"]]


def wait(dynamodb, table, count):
    for _ in range(200):
        items = scan(dynamodb, table)
        if len(items) >= count:
            return items
        time.sleep(0.1)
    raise AssertionError(f"{len(items)} of {count} items in {table}")


def main(sensorctl):
    kinesis, dynamodb = boto3.client("kinesis"), boto3.client("dynamodb")
    run(sensorctl, "up", "--yes")
    reading = lambda number, **other: json.dumps({"sensor_id": "boto3", "temperature": "21.5", "current_time": number, **other})
    put = [reading(number).encode() for number in range(60)] + [b"\xff\x00", b"{}", b"x" * 500_000]
    for begin in range(0, len(put), 20):
        entries = [{"Data": data, "PartitionKey": "boto3"} for data in put[begin:begin + 20]]
        assert kinesis.put_records(StreamName=STREAM, Records=entries)["FailedRecordCount"] == 0
    # The last has two parts.
    wait(dynamodb, REJECTS, len(put) + 1)
    dynamodb.put_item(TableName=REJECTS, Item={
        "ShardId": {"S": "shardId-000000000007"}, "RejectId": {"S": "7#0000003#000"}, "Data": {"B": reading(100).encode()}})
    listed = [json.loads(line) for line in run(sensorctl, "rejects", "list", "-o", "ndjson").splitlines()]
    assert len(listed) == len(put) + 1 and {"shardId-000000000007/7/3"} < {row["id"] for row in listed}, listed
    assert sorted(row["bytes"] for row in listed)[-1] == 500_000
    exported = [json.loads(line) for line in run(sensorctl, "rejects", "export").splitlines()]
    texts = {row["data"] for row in exported if row["encoding"] == "text"}
    assert {reading(number) for number in [*range(60), 100]} < texts
    report = json.loads(run(sensorctl, "rejects", "replay", "--yes", "--coerce", "-o", "json", code=3))
    assert (report["found"], report["replayed"], report["refused"]) == (64, 61, 3), report
    rows = scan(dynamodb, TABLE)
    assert sorted(int(row["CurrentTime"]["N"]) for row in rows) == [*range(60), 100]
    assert {row["Temperature"]["N"] for row in rows} == {"21.5"}
    assert len(scan(dynamodb, REJECTS)) == 4
    run(sensorctl, "rejects", "delete", "--yes")
    assert scan(dynamodb, REJECTS) == []
    run(sensorctl, "down", "--yes")


main(*sys.argv[1:])
print("rejects: 64 dead letters of boto3 listed, exported, 61 of them replayed, the others deleted")
