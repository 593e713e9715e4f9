"""Reads with `tail` what boto3, aws_kinesis_agg and the aws CLI put into the cloud in the environment, while the stream is
split and merged: each reading once, those of a sensor in the order of their puts.

    .ci/tail.py SENSORCTL
"""
import json, subprocess, sys, time

import boto3
from aws_kinesis_agg.aggregator import RecordAggregator

STREAM, SENSORS = "tail", 7
# The shards that took the records. moto goes on to put them into closed ones.
taken_by = set()


def reading(number):
    return json.dumps({"sensor_id": f"sensor-{number % SENSORS}", "temperature": 1.5, "current_time": number})


def put_plain(kinesis, numbers):
    for number in numbers:
        answer = kinesis.put_record(StreamName=STREAM, PartitionKey=f"sensor-{number % SENSORS}", Data=reading(number))
        taken_by.add(answer["ShardId"])


def put_aggregated(kinesis, numbers):
    """One aggregate for each sensor: its key decides the shard."""
    for sensor in range(SENSORS):
        aggregator = RecordAggregator()
        for number in (number for number in numbers if number % SENSORS == sensor):
            assert aggregator.add_user_record(f"sensor-{sensor}", reading(number).encode()) is None
        key, _, data = aggregator.clear_and_get().get_contents()
        taken_by.add(kinesis.put_record(StreamName=STREAM, PartitionKey=key, Data=data)["ShardId"])


def put_with_cli(numbers):
    for number in numbers:
        key = f"sensor-{number % SENSORS}"
        subprocess.run(["aws", "kinesis", "put-record", "--stream-name", STREAM, "--partition-key", key,
                        "--data", reading(number)], check=True, capture_output=True)


def open_shards(kinesis):
    shards = kinesis.list_shards(StreamName=STREAM)["Shards"]
    is_open = lambda shard: "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    start = lambda shard: int(shard["HashKeyRange"]["StartingHashKey"])
    return sorted(filter(is_open, shards), key=start)


def wait(kinesis):
    kinesis.get_waiter("stream_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1})


def split(kinesis):
    shard = open_shards(kinesis)[0]
    low, high = (int(shard["HashKeyRange"][end]) for end in ("StartingHashKey", "EndingHashKey"))
    kinesis.split_shard(StreamName=STREAM, ShardToSplit=shard["ShardId"], NewStartingHashKey=str((low + high) // 2))
    wait(kinesis)


def merge(kinesis):
    one, other = open_shards(kinesis)[:2]
    kinesis.merge_shards(StreamName=STREAM, ShardToMerge=one["ShardId"], AdjacentShardToMerge=other["ShardId"])
    wait(kinesis)


def check(text, numbers):
    rows = [json.loads(line) for line in text.splitlines()]
    assert sorted(row["current_time"] for row in rows) == list(numbers), len(rows)
    for sensor in range(SENSORS):
        times = [row["current_time"] for row in rows if row["sensor_id"] == f"sensor-{sensor}"]
        assert times == sorted(times), times
    assert all(row["temperature"] == 1.5 and row["sequence_number"] for row in rows)
    return {row["shard_id"] for row in rows}


def main(sensorctl):
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    wait(kinesis)
    tail = [sensorctl, "tail", "--set", f"stream.name={STREAM}", "-o", "ndjson"]
    put_plain(kinesis, range(70))
    # A tail that runs meanwhile.
    live = subprocess.Popen([*tail, "--limit", "570"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert live.stderr.readline().startswith("Reading 1 shard of stream tail from now on")
    time.sleep(0.1)
    put_aggregated(kinesis, range(70, 350))
    split(kinesis)
    put_plain(kinesis, range(350, 420))
    split(kinesis)
    put_aggregated(kinesis, range(420, 560))
    merge(kinesis)
    put_plain(kinesis, range(560, 620))
    merge(kinesis)
    put_with_cli(range(620, 625))
    put_plain(kinesis, range(625, 640))
    shown, said = live.communicate(timeout=60)
    assert live.returncode == 0, said
    shards = check(shown, range(70, 640))
    assert shards == taken_by, (shards, taken_by)
    # The same afterwards, from the beginning, and a sensor alone.
    done = subprocess.run([*tail, "--from", "trim-horizon", "--until", "now"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    check(done.stdout, range(640))
    only = subprocess.run([*tail, "-q", "--from", "1h", "--until", "now", "--sensor", "sensor-3"], capture_output=True, text=True)
    assert only.returncode == 0 and len(only.stdout.splitlines()) == len(range(3, 640, SENSORS)), only
    raw = subprocess.run([*tail, "-q", "--from", "trim-horizon", "--until", "now", "--raw"], capture_output=True, text=True)
    rows = [json.loads(line) for line in raw.stdout.splitlines()]
    assert len(rows) == 640 and sum("user_record" in row for row in rows) == 420, raw
    assert all(json.loads(row["data"])["sensor_id"] == row["partition_key"] for row in rows)
    kinesis.delete_stream(StreamName=STREAM)
    print(f"tail: 640 readings of boto3, aws_kinesis_agg and the aws CLI in {len(shards)} shards, across splits and merges")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
