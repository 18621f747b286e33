"""Load test of the webhook, as Meta calls it: signed messages, and now and then a health check.

    export WA_APP_SECRET=...       # the app secret of the environment under test (canario sets CANARIO_APP_SECRET)
    locust -f qa/locustfile.py --host=https://wa-backend-staging-xxxxx.a.run.app -u 50 -r 10 -t 60s --headless --csv=results
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import random
import time

from locust import HttpUser, between, task

SECRET = os.environ.get("WA_APP_SECRET") or os.environ.get("CANARIO_APP_SECRET", "")
TEXTS = (
    "reservar para 4 el viernes a las 8",
    "mesa para dos mañana a la una y media. Nota: terraza",
    "¿aceptan mascotas?",
    "cancelar la reserva de mañana por favor",
    "hola 👋",
)
_numbers = itertools.count(1)


class Customer(HttpUser):
    """A customer who writes every second or so."""

    wait_time = between(0.5, 1.5)

    @task(9)
    def write(self) -> None:
        """Send one signed message."""
        message = {
            "from": "5939999999",
            "id": f"load-{os.getpid()}-{next(_numbers)}",
            "timestamp": str(int(time.time())),
            "text": {"body": random.choice(TEXTS)},  # nosec B311
        }
        payload = {
            "object": "whatsapp_business_account",
            "entry": [{"changes": [{"value": {"messages": [message]}}]}],
        }
        body = json.dumps(payload).encode()
        signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": signature}
        self.client.post("/webhook", data=body, headers=headers)

    @task(1)
    def health(self) -> None:
        """Ask whether it is well."""
        self.client.get("/healthz")
