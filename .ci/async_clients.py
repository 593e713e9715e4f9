"""Clients that use more of the services than boto3 does, against the local cloud in the environment:
async-kinesis with its checkpoints, aiokpl, and pynamodb."""
import asyncio, os

import aiokpl, boto3
from kinesis import Consumer, MemoryCheckPointer, Producer
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import UpdateError
from pynamodb.models import Model

ENDPOINT, REGION = os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_REGION"]


def wait_for(stream, shards):
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName=stream, ShardCount=shards)
    kinesis.get_waiter("stream_exists").wait(StreamName=stream)
    return kinesis


async def produce_and_consume():
    """Tests async-kinesis: 400 records, read by one consumer and, from its checkpoints, by the next."""
    stream, at = "async-kinesis", {"endpoint_url": ENDPOINT, "region_name": REGION}
    kinesis = wait_for(stream, 2)

    async def put(numbers):
        async with Producer(stream_name=stream, use_list_shards=True, **at) as producer:
            for number in numbers:
                await producer.put({"number": number})
            await producer.flush()

    checkpoints = MemoryCheckPointer(name="ci")

    async def read(count):
        found = set()
        async with Consumer(stream_name=stream, checkpointer=checkpoints, sleep_time_no_records=0.2, **at) as consumer:
            async with asyncio.timeout(60):
                while len(found) < count:
                    async for record in consumer:
                        found.add(record["number"])
        return found

    await put(range(200))
    assert await read(200) == set(range(200))
    await put(range(200, 400))
    later = await read(200)
    assert later >= set(range(200, 400)) and len(later) < 400, "it goes on from its checkpoints"
    kinesis.delete_stream(StreamName=stream)


async def aggregate():
    """Tests aiokpl: 1,000 user records in a few Kinesis records, by the shard of their keys."""
    stream = "aiokpl"
    kinesis = wait_for(stream, 3)
    async with aiokpl.Producer(aiokpl.Config(region=REGION, endpoint_url=ENDPOINT, verify_ssl=False)) as producer:
        puts = [await producer.put_record(stream=stream, partition_key=f"sensor-{at % 17}", data=b"%d" % at)
                for at in range(1000)]
        await producer.flush()
        results = [await put.wait() for put in puts]
    assert all(result.success for result in results), results[:3]
    found, records = set(), 0
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        for record in kinesis.get_records(ShardIterator=iterator)["Records"]:
            records += 1
            data = record["Data"]
            parts = [part.data for part in aiokpl.decode_aggregated(data)] if aiokpl.is_aggregated(data) else [data]
            found |= {int(part) for part in parts}
    assert found == set(range(1000)) and records < 500, records
    kinesis.delete_stream(StreamName=stream)


class Reading(Model):
    class Meta:
        table_name, host, region = "pynamodb", ENDPOINT, REGION
        billing_mode = "PAY_PER_REQUEST"

    sensor = UnicodeAttribute(hash_key=True)
    time = NumberAttribute(range_key=True)
    value = NumberAttribute()


def model():
    """Tests pynamodb: a table from its model, batches, a query with a filter, updates with conditions."""
    Reading.create_table(wait=True)
    with Reading.batch_write() as batch:
        for time in range(120):
            batch.save(Reading("a", time, value=time % 7))
    found = list(Reading.query("a", Reading.time >= 60, filter_condition=Reading.value == 3))
    assert [reading.time for reading in found] == [time for time in range(60, 120) if time % 7 == 3]
    assert sum(1 for _ in Reading.scan(page_size=50)) == 120
    reading = Reading.get("a", 5)
    reading.update(actions=[Reading.value.set(Reading.value + 1)], condition=Reading.value == 5)
    assert Reading.get("a", 5).value == 6
    try:
        reading.update(actions=[Reading.value.set(0)], condition=Reading.value == 5)
        raise AssertionError("the condition was met")
    except UpdateError as error:
        assert error.cause_response_code == "ConditionalCheckFailedException", error
    Reading.delete_table()


asyncio.run(produce_and_consume())
asyncio.run(aggregate())
model()
print("async-kinesis: on from its checkpoints; aiokpl: 1,000 user records, aggregated; pynamodb: a model's table")
