"""Reads what `put --file --aggregation always` wrote, with aws_kinesis_agg and aiokpl, from the local cloud in the
environment: all readings, and no user record outside its shard, since the KCL would drop the aggregate.

    .ci/put_aggregates.py SENSORCTL
"""
import base64, hashlib, json, subprocess, sys

import aiokpl, boto3
from aws_kinesis_agg.deaggregator import deaggregate_records
from aws_kinesis_agg.messages_pb2 import AggregatedRecord

STREAM, SHARDS, READINGS = "put-aggregates", 3, 5000


def read(kinesis, shard):
    iterator = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    records = []
    while True:
        answer = kinesis.get_records(ShardIterator=iterator)
        records += answer["Records"]
        if not answer["Records"]:
            return records
        iterator = answer["NextShardIterator"]


def check_range(data, shard):
    """Checks the hash key of each user record as the KCL does."""
    message = AggregatedRecord.FromString(data[4:-16])
    low, high = (int(shard["HashKeyRange"][end]) for end in ("StartingHashKey", "EndingHashKey"))
    for record in message.records:
        if record.HasField("explicit_hash_key_index"):
            hash_key = int(message.explicit_hash_key_table[record.explicit_hash_key_index])
        else:
            key = message.partition_key_table[record.partition_key_index]
            hash_key = int.from_bytes(hashlib.md5(key.encode()).digest(), "big")
        assert low <= hash_key <= high, (hash_key, shard)


def main(sensorctl):
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=SHARDS)
    kinesis.get_waiter("stream_exists").wait(StreamName=STREAM)
    readings = [{"sensor_id": f"sensor-{at % 97}", "temperature": at % 40, "current_time": at} for at in range(READINGS)]
    command = [sensorctl, "-q", "put", "--local", "--file", "-", "--aggregation", "always", "-o", "json"]
    text = "".join(json.dumps(reading) + "\n" for reading in readings)
    done = subprocess.run([*command, "--set", f"stream.name={STREAM}"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["accepted"] == READINGS and report["records"] < READINGS / 20, report
    by_agg, by_aiokpl, shards = [], [], kinesis.list_shards(StreamName=STREAM)["Shards"]
    for shard in shards:
        records = read(kinesis, shard["ShardId"])
        assert records, "each shard has its part"
        for record in records:
            data = record["Data"]
            if aiokpl.is_aggregated(data):
                check_range(data, shard)
                by_aiokpl += [(part.partition_key, json.loads(part.data)) for part in aiokpl.decode_aggregated(data)]
            else:
                by_aiokpl.append((record["PartitionKey"], json.loads(data)))
            event = {"kinesisSchemaVersion": "1.0", "approximateArrivalTimestamp": 1.5, "sequenceNumber": "1"}
            event |= {"data": base64.b64encode(data).decode(), "partitionKey": record["PartitionKey"]}
            found = deaggregate_records([{"kinesis": event, "eventID": "s:1"}])
            by_agg += [(one["kinesis"]["partitionKey"], json.loads(base64.b64decode(one["kinesis"]["data"]))) for one in found]
    for found in (by_agg, by_aiokpl):
        assert sorted(reading["current_time"] for _, reading in found) == list(range(READINGS))
        assert all(key == reading["sensor_id"] for key, reading in found)
        for sensor in {key for key, _ in found}:
            times = [reading["current_time"] for key, reading in found if key == sensor]
            assert times == sorted(times), sensor
    kinesis.delete_stream(StreamName=STREAM)
    print(f"put --file: {READINGS} readings in {report['records']} records, read by aws_kinesis_agg and aiokpl")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
