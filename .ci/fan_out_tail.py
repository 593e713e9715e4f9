"""Reads with `tail --fan-out` what boto3 puts into the cloud in the environment, while the stream is split and merged: the
same records as boto3 reads, and the consumer is deregistered, also after an interruption. On a cloud whose subscriptions
last some seconds it renews them.

    .ci/fan_out_tail.py SENSORCTL
"""
import json, signal, subprocess, sys, time

import boto3

import tail

tail.STREAM = STREAM = "pushed"


def read_by_polling(kinesis):
    """Every record as (shard, sequence number, time)."""
    found = []
    for shard in kinesis.list_shards(StreamName=STREAM)["Shards"]:
        iterator = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        iterator, behind = iterator["ShardIterator"], 1
        while iterator and behind:
            answer = kinesis.get_records(ShardIterator=iterator)
            found += [(shard["ShardId"], record["SequenceNumber"], json.loads(record["Data"])["current_time"])
                      for record in answer["Records"]]
            iterator, behind = answer.get("NextShardIterator"), answer["MillisBehindLatest"]
    return sorted(found)


def consumers(kinesis, arn):
    return [consumer["ConsumerName"] for consumer in kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]]


def check_deregistered(kinesis, arn, said):
    """Waits until a consumer that is being deregistered is no longer listed."""
    for _ in range(50):
        listed = kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
        if not listed:
            return
        assert [consumer["ConsumerStatus"] for consumer in listed] == ["DELETING"], (listed, said)
        time.sleep(0.2)
    raise AssertionError(f"still listed: {listed}")


def start(sensorctl, *flags):
    command = [sensorctl, "tail", "--fan-out", "--set", f"stream.name={STREAM}", "-o", "ndjson", *flags]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = []
    while not any(line.startswith("Reading ") for line in lines):
        lines.append(running.stderr.readline())
        assert lines[-1], lines
    assert any("registered consumer sensorctl-tail-" in line for line in lines), lines
    return running


def main(sensorctl):
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    tail.wait(kinesis)
    arn = kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamARN"]
    tail.put_plain(kinesis, range(70))
    running = start(sensorctl, "--from", "trim-horizon", "--limit", "640")
    [name] = consumers(kinesis, arn)
    assert name.startswith("sensorctl-tail-"), name
    tail.put_plain(kinesis, range(70, 280))
    tail.split(kinesis)
    tail.put_plain(kinesis, range(280, 490))
    time.sleep(7)
    tail.merge(kinesis)
    tail.put_plain(kinesis, range(490, 640))
    shown, said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    shards = tail.check(shown, range(640))
    rows = [json.loads(line) for line in shown.splitlines()]
    pushed = sorted((row["shard_id"], row["sequence_number"], row["current_time"]) for row in rows)
    assert pushed == read_by_polling(kinesis), said
    assert len(shards) == 4, shards
    check_deregistered(kinesis, arn, said)
    # Interrupted while it waits for records.
    running = start(sensorctl)
    assert len(consumers(kinesis, arn)) == 1
    tail.put_plain(kinesis, range(640, 650))
    assert json.loads(running.stdout.readline())["current_time"] >= 640
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130, (running.returncode, said)
    check_deregistered(kinesis, arn, said)
    kinesis.delete_stream(StreamName=STREAM)
    print(f"tail --fan-out: 640 readings of boto3 in {len(shards)} shards, as boto3 reads them; no consumer stayed")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
