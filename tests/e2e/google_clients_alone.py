"""Google's own clients, none of our code, against `canario simulate`: python google_clients_alone.py 127.0.0.1:PORT."""

import sys
import time

import grpc
from google.api_core.exceptions import Aborted
from google.cloud import monitoring_v3, run_v2
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client, transports
from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

channel = grpc.insecure_channel(sys.argv[1])
run = run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel))
for service in run.list_services(parent="projects/demo/locations/us-central1"):
    print("service", service.name, service.uri)

before = run.get_service(name="projects/demo/locations/us-central1/services/wa-backend")
stable = next(t.revision for t in before.traffic_statuses if t.percent == 100)
canary = next(t.revision for t in before.traffic_statuses if t.tag == "canary")
traffic = [{"type_": 2, "revision": stable, "percent": 90}, {"type_": 2, "revision": canary, "percent": 10}]
traffic += [{"type_": 2, "revision": canary, "tag": "canary"}]
change = run_v2.Service(name=before.name, etag=before.etag, traffic=traffic)
after = run.update_service(service=change, update_mask={"paths": ["traffic"]}).result()
print("moved", {t.revision: t.percent for t in after.traffic_statuses if t.percent})
try:
    run.update_service(service=change, update_mask={"paths": ["traffic"]})
except Aborted as error:
    print("aborted", error.message)

logging = LoggingServiceV2Client(transport=transports.LoggingServiceV2GrpcTransport(channel=channel))
wanted = f'resource.type="cloud_run_revision" AND resource.labels.revision_name="{canary}" AND httpRequest.status>0'
tail = logging.tail_log_entries(iter([{"resource_names": ["projects/demo"], "filter": wanted}]))
entry = next(entry for answer in tail for entry in answer.entries)
print("tailed", entry.http_request.status, entry.http_request.request_url, entry.resource.labels["revision_name"])
tail.cancel()

metrics = monitoring_v3.MetricServiceClient(transport=MetricServiceGrpcTransport(channel=channel))
now = int(time.time())
series = metrics.list_time_series(
    name="projects/demo",
    filter='metric.type="run.googleapis.com/request_count" AND resource.labels.service_name="wa-backend"',
    interval={"start_time": {"seconds": now - 3600}, "end_time": {"seconds": now}},
)
for line in series:
    print("series", line.resource.labels["revision_name"], len(line.points), "points")
