"""Google's own logging client, none of our code: a service's log as NDJSON of LogEntry objects (REST field names).

python export_logs.py 127.0.0.1:PORT FILTER > FILE
"""

import json
import sys

import grpc
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client, transports
from google.cloud.logging_v2.types import LogEntry
from google.protobuf.json_format import MessageToDict

channel = grpc.insecure_channel(sys.argv[1])
client = LoggingServiceV2Client(transport=transports.LoggingServiceV2GrpcTransport(channel=channel))
wanted = {
    "resource_names": ["projects/demo"],
    "filter": sys.argv[2],
    "order_by": "timestamp desc",
    "page_size": 1000,
}
for entry in client.list_log_entries(wanted):
    print(json.dumps(MessageToDict(LogEntry.pb(entry))))
