"""Reads all readings of a stream with boto3 and aws_kinesis_agg, and prints them as `tail -o ndjson` does.

    get_records.py STREAM
"""
import base64, json, sys

import boto3
from aws_kinesis_agg.deaggregator import deaggregate_records

stream = sys.argv[1]
kinesis = boto3.client("kinesis")
for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
    shard = shard["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    while iterator:
        answer = kinesis.get_records(ShardIterator=iterator)
        # The form of an event of Lambda, which the library takes.
        records = [
            {"eventID": f"{shard}:{record['SequenceNumber']}", "kinesis": {
                "kinesisSchemaVersion": "1.0", "partitionKey": record["PartitionKey"],
                "sequenceNumber": record["SequenceNumber"], "data": base64.b64encode(record["Data"]).decode(),
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp()}}
            for record in answer["Records"]
        ]
        for record in deaggregate_records(records):
            reading = json.loads(base64.b64decode(record["kinesis"]["data"]))
            reading["shard_id"] = shard
            reading["sequence_number"] = record["kinesis"]["sequenceNumber"]
            print(json.dumps(reading, separators=(",", ":")))
        iterator = answer.get("NextShardIterator") if answer["Records"] or answer["MillisBehindLatest"] else None
