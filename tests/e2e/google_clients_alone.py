"""Google's own clients, none of our code, against `canario simulate`: python google_clients_alone.py 127.0.0.1:PORT."""

import sys
import time

import grpc
from google.api_core.exceptions import Aborted
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client, transports
from google.cloud.monitoring_v3.services.metric_service import MetricServiceClient
from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcTransport
from google.cloud.run_v2.services.services import ServicesClient
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

channel = grpc.insecure_channel(sys.argv[1])
run = ServicesClient(transport=ServicesGrpcTransport(channel=channel))
for service in run.list_services(parent="projects/demo/locations/us-central1"):
    print("service", service.name, service.uri)

before = run.get_service(name="projects/demo/locations/us-central1/services/wa-backend")
stable, canary = before.traffic_statuses[0].revision, before.traffic_statuses[1].revision
split = [{"type_": 2, "revision": stable, "percent": 90}, {"type_": 2, "revision": canary, "percent": 10}]
change = {
    "service": {"name": before.name, "etag": before.etag, "traffic": split},
    "update_mask": {"paths": ["traffic"]},
}
print("moved", {line.revision: line.percent for line in run.update_service(change).result().traffic_statuses})
try:
    run.update_service(change)
except Aborted as error:
    print("aborted", error.message)

logging = LoggingServiceV2Client(transport=transports.LoggingServiceV2GrpcTransport(channel=channel))
wanted = f'resource.labels.revision_name="{canary}" AND httpRequest.status > 0'
tail = logging.tail_log_entries(iter([{"resource_names": ["projects/demo"], "filter": wanted}]))
entry = next(entry for answer in tail for entry in answer.entries)
print("tailed", entry.resource.labels["revision_name"], entry.http_request.status, entry.http_request.request_url)
tail.cancel()

metrics = MetricServiceClient(transport=MetricServiceGrpcTransport(channel=channel))
requests = 'metric.type="run.googleapis.com/request_count" AND resource.labels.service_name="wa-backend"'
hour = {"start_time": {"seconds": int(time.time()) - 3600}, "end_time": {"seconds": int(time.time())}}
for series in metrics.list_time_series(name="projects/demo", filter=requests, interval=hour):
    print(
        "series",
        series.resource.labels["revision_name"],
        series.metric.labels["response_code_class"],
        len(series.points),
    )
