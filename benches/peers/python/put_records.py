"""Puts the lines of a file into a stream: boto3, PutRecords of 500, with THREADS requests in flight.

    put_records.py FILE STREAM THREADS
"""
import json, random, sys, time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import boto3
from botocore.config import Config

file, stream, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = boto3.client("kinesis", config=Config(max_pool_connections=threads))


def put(lines):
    records, pause = [{"Data": line, "PartitionKey": json.loads(line)["sensor_id"]} for line in lines], 0.1
    while records:
        answer = client.put_records(StreamName=stream, Records=records)
        if not answer["FailedRecordCount"]:
            return
        records = [record for record, result in zip(records, answer["Records"]) if "ErrorCode" in result]
        time.sleep(pause * random.random())
        pause = min(2 * pause, 5)


def batches(source):
    while batch := [line.rstrip(b"\n") for line in islice(source, 500)]:
        yield batch


with open(file, "rb") as source:
    if threads == 1:
        for batch in batches(source):
            put(batch)
    else:
        with ThreadPoolExecutor(threads) as workers:
            in_flight = []
            for batch in batches(source):
                in_flight.append(workers.submit(put, batch))
                if len(in_flight) == 2 * threads:
                    in_flight.pop(0).result()
            for one in in_flight:
                one.result()
