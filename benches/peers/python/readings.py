"""Converts a Kinesis event to items of the table, for both Python functions."""
import base64, json
from aws_kinesis_agg.deaggregator import iter_deaggregate_records


def items(event):
    # A plain record counts as one that contains itself.
    for record in iter_deaggregate_records(event["Records"]):
        kinesis = record["kinesis"]
        reading = json.loads(base64.b64decode(kinesis["data"]), parse_float=str, parse_int=str)
        item = {
            "SensorId": {"S": reading.pop("sensor_id")},
            "CurrentTime": {"N": reading.pop("current_time")},
            "Temperature": {"N": reading.pop("temperature")},
            "ShardID": {"S": record["eventID"].split(":")[0]},
            "SequenceNumber": {"S": kinesis["sequenceNumber"]},
        }
        item.update((name, {"N": value}) for name, value in reading.items())
        yield item
