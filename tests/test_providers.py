"""The providers' side says yes: what dispatch writes into databags is handed to those who read it.

Databases and valkey: the provider's own library (dpcharmlibs-interfaces) runs in ops' simulated Juju, reads our request, answers with
secrets, and dispatch makes variables of the answer. The others have no library outside of Charmhub: what theirs demand of our keys
stands here as checks."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import uuid
import warnings

warnings.simplefilter("ignore")   # of pydantic, about the library

import ops
import ops.testing
from dpcharmlibs.interfaces import RequirerCommonModel, ResourceProviderEventHandler, ResourceProviderModel, ResourceRequestedEvent, ValkeyResponseModel

from checks import check, end

ROOT = pathlib.Path(__file__).resolve().parent.parent
DISPATCH = os.environ.get("DISPATCH", str(pathlib.Path(os.environ.get("BUILD", ROOT / "build")) / "dispatch"))
MODEL = str(uuid.UUID(int=1))
OTHER_MODEL = str(uuid.UUID(int=2))
INTERFACES = {
    "ingress": "ingress", "postgresql": "postgresql_client", "mysql": "mysql_client", "mongodb": "mongodb_client", "valkey": "valkey_client",
    "s3": "s3", "rabbitmq": "rabbitmq", "tracing": "tracing", "openfga": "openfga", "oidc": "oauth", "http-proxy": "http_proxy",
}


# --- Our side: dispatch on its simulator. ---

def charm_folder(folder, generation):
    requires = {name: {"interface": interface, "optional": True} for name, interface in INTERFACES.items()}
    metadata = {"name": "shop", "containers": {"app": {}}, "peers": {"secret-storage": {"interface": "secret-storage"}}, "requires": requires}
    options = {"oidc-scopes": {"type": "string", "default": "openid profile email"}, "oidc-redirect-path": {"type": "string", "default": "/callback"}}
    (folder / "metadata.yaml").write_text(json.dumps(metadata))
    (folder / "config.yaml").write_text(json.dumps({"options": options}))
    (folder / "framework").write_text(f"go {generation}")


def dispatch(event, relations, secrets=(), leader=True, generation=2):
    """One event; the report, and the databags afterwards by endpoint."""
    peers = {"endpoint": "secret-storage", "id": 90, "local_app_data": {"go_secret_key": "key"}}
    services = {"go": {"override": "replace", "command": "/bin/shop", "startup": "enabled"}}
    state = {"app": "shop", "leader": leader, "model": {"name": "prod", "uuid": MODEL}, "relations": [peers, *relations], "secrets": list(secrets),
             "containers": [{"name": "app", "layers": {"image": {"services": services}}}]}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        charm_folder(folder, generation)
        (folder / "state.json").write_text(json.dumps(state))
        run = subprocess.run([DISPATCH, "run", event, "--charm", name, "--state", folder / "state.json", "--output", folder / "after.json",
                              "--format", "json", "--show-secrets"], capture_output=True, text=True)
        if run.returncode:
            check(False, f"dispatch run {event}: {run.returncode} {run.stdout[-500:]} {run.stderr}")
            return {"environment": {}, "unit_status": {}}, {}
        after = json.loads((folder / "after.json").read_text())
    return json.loads(run.stdout), {r["endpoint"]: r for r in after["relations"]}


def relation(endpoint, ours=None, **more):
    one = {"endpoint": endpoint, "id": 7, "remote_app_name": "provider", "remote_app_data": {}, "remote_units_data": {"0": {}}, **more}
    if ours:
        one.update(local_app_data=ours["local_app_data"], local_unit_data=ours["local_unit_data"])
    return one


def asked(endpoint, leader=True, generation=2, **more):
    return dispatch(f"{endpoint}-relation-created", [relation(endpoint, **more)], leader=leader, generation=generation)[1].get(endpoint, {})


# --- Databases and valkey: their provider's library. ---

class Provider(ops.CharmBase):
    """Answers each request with a user of its own."""

    def __init__(self, framework):
        super().__init__(framework)
        self.requests = []
        self.provided = ResourceProviderEventHandler(self, "client", RequirerCommonModel)
        framework.observe(self.provided.on.resource_requested, self.requested)

    def requested(self, event: ResourceRequestedEvent):
        self.requests.append(event.request)
        model = ValkeyResponseModel if self.meta.relations["client"].interface_name == "valkey_client" else ResourceProviderModel
        self.provided.set_response(event.relation.id, model(
            salt=event.request.salt, request_id=event.request.request_id, resource=event.request.resource, endpoints="primary:1234",
            username="rel7", password="p/w@x", version="9.1"))


def answered(endpoint, ours, remote_model=MODEL):
    """What the provider asks of itself, writes and keeps secret, after our relation-changed."""
    meta = {"name": "provider", "provides": {"client": {"interface": INTERFACES[endpoint]}}}
    context = ops.testing.Context(Provider, meta=meta, juju_version="3.6.4")
    with_us = ops.testing.Relation("client", id=7, remote_app_name="shop", remote_app_data=ours["local_app_data"],
                                   remote_units_data={0: ours["local_unit_data"]}, remote_model_uuid=remote_model)
    state = ops.testing.State(leader=True, relations={with_us}, model=ops.testing.Model(name="prod", uuid=MODEL))
    with context(context.on.relation_changed(with_us, remote_unit=0), state) as manager:
        out = manager.run()
        requests = list(manager.charm.requests)
    secrets = [{"id": s.id, "tracked_content": s.latest_content or s.tracked_content} for s in out.secrets]
    return requests, out.get_relation(7).local_app_data, secrets


def variables_of(endpoint, ours, bag, secrets):
    return dispatch(f"{endpoint}-relation-changed", [relation(endpoint, ours, remote_app_data=bag)], secrets)


def test_databases():
    for endpoint in ("postgresql", "mysql", "mongodb"):
        for remote_model in (MODEL, OTHER_MODEL):
            ours = asked(endpoint, remote_model_uuid=remote_model)
            bag = ours["local_app_data"]
            check(bag["database"] == "shop", f"{endpoint}: database")
            check("username" in json.loads(bag["requested-secrets"]), f"{endpoint}: requested-secrets")
            check(("provided-secrets" in bag) == (remote_model == MODEL), f"{endpoint}: provided-secrets")
            requests, answer, secrets = answered(endpoint, ours, remote_model)
            check([r.resource for r in requests] == ["shop"], f"{endpoint}: requests {requests}")
            check("secret-user" in answer and "password" not in answer, f"{endpoint}: the answer is {sorted(answer)}")
            report, after = variables_of(endpoint, ours, answer, secrets)
            prefix = f"{endpoint.upper()}_DB"
            env = report["environment"]
            check(report["unit_status"]["name"] == "active", f"{endpoint}: {report['unit_status']}")
            check(env.get(f"{prefix}_CONNECT_STRING") == f"{endpoint}://rel7:p%2Fw%40x@primary:1234/shop", f"{endpoint}: {env.get(f'{prefix}_CONNECT_STRING')}")
            check(env.get(f"{prefix}_PASSWORD") == "p/w@x", f"{endpoint}: {env.get(f'{prefix}_PASSWORD')}")
            remembered = json.loads(after[endpoint]["local_unit_data"]["data"])
            check(remembered == {k: v for k, v in answer.items() if k != "data"}, f"{endpoint}: memory {remembered}")
            # Asked a second time the provider finds nothing new.
            again = answered_again(endpoint, after[endpoint], answer, secrets)
            check(again == [], f"{endpoint}: asked again: {again}")


def answered_again(endpoint, ours, answer, secrets):
    meta = {"name": "provider", "provides": {"client": {"interface": INTERFACES[endpoint]}}}
    context = ops.testing.Context(Provider, meta=meta, juju_version="3.6.4")
    kept = {ops.testing.Secret(s["tracked_content"], id=s["id"], owner="app", label=f"client.7.{i}.secret") for i, s in enumerate(secrets)}
    with_us = ops.testing.Relation("client", id=7, remote_app_name="shop", remote_app_data=ours["local_app_data"],
                                   remote_units_data={0: ours["local_unit_data"]}, local_app_data=answer)
    with context(context.on.relation_changed(with_us, remote_unit=0), ops.testing.State(leader=True, relations={with_us}, secrets=kept)) as manager:
        manager.run()
        return list(manager.charm.requests)


def test_valkey():
    for generation in (1, 2):
        ours = asked("valkey", generation=generation)
        requests, answer, secrets = answered("valkey", ours)
        asked_for = json.loads(ours["local_app_data"]["requests"])[0]
        check([(r.resource, r.request_id, r.salt) for r in requests] == [("*", asked_for["request-id"], asked_for["salt"])], f"valkey: requests {requests}")
        check(("mtls-cert" in asked_for) == (generation == 2), "valkey: mtls-cert")
        report, after = variables_of("valkey", ours, answer, secrets)
        env = report["environment"]
        check(env.get("VALKEY_DB_CONNECT_STRING") == "valkey://rel7:p%2Fw%40x@primary:1234", f"valkey: {env.get('VALKEY_DB_CONNECT_STRING')}")
        check(env.get("VALKEY_VERSION") == "9.1", f"valkey: {env.get('VALKEY_VERSION')}")
        remembered = json.loads(after["valkey"]["local_unit_data"]["data"])
        check(list(remembered) == [asked_for["request-id"]], f"valkey: memory {remembered}")
        check(remembered[asked_for["request-id"]]["endpoints"] == "primary:1234", f"valkey: memory {remembered}")
        check(answered_again("valkey", after["valkey"], answer, secrets) == [], "valkey: asked again")
    # Across models the provider sends a secret for encryption first, and wants it back.
    ours = asked("valkey", remote_model_uuid=OTHER_MODEL)
    report, after = variables_of("valkey", ours, {"encryption-secret": "secret:d0encryption00000001"}, [])
    bag = after["valkey"]["local_app_data"]
    check(bag.get("encryption-secret") == "secret:d0encryption00000001", f"valkey: {bag}")
    check(bag["requests"] == ours["local_app_data"]["requests"], "valkey: the request has changed")


def test_followers():
    for endpoint in ("postgresql", "valkey", "s3", "openfga", "oidc", "tracing", "http-proxy", "ingress", "rabbitmq"):
        check(asked(endpoint, leader=False).get("local_app_data") == {}, f"{endpoint}: a follower wrote for the application")


# --- The others: what the provider's library demands of our keys. ---

def loose(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def test_plain():
    for endpoint, key in (("s3", "bucket"), ("openfga", "store_name"), ("rabbitmq", "username"), ("rabbitmq", "vhost")):
        value = asked(endpoint)["local_app_data"].get(key)
        check(value == ("/" if key == "vhost" else "shop"), f"{endpoint}: {key} is {value}")


def test_oauth():
    ingress = relation("ingress", remote_app_data={"ingress": json.dumps({"url": "https://shop.example.com/x"})})
    _, after = dispatch("oidc-relation-created", [relation("oidc"), {**ingress, "id": 8}])
    data = {key: loose(value) for key, value in after["oidc"]["local_app_data"].items()}
    grants = {"authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"}
    check(set(data) == {"redirect_uri", "scope", "grant_types", "audience", "token_endpoint_auth_method"}, f"oauth: {sorted(data)}")
    check(isinstance(data["grant_types"], list) and set(data["grant_types"]) <= grants and data["grant_types"], "oauth: grant_types")
    check(isinstance(data["audience"], list) and all(isinstance(a, str) for a in data["audience"]), "oauth: audience")
    check(isinstance(data["scope"], str) and "openid" in data["scope"].split(), "oauth: scope")
    check(data["token_endpoint_auth_method"] in ("client_secret_basic", "client_secret_post"), "oauth: method")
    check(re.match(r"https?://[^/]+/\S*$", data["redirect_uri"]), f"oauth: {data['redirect_uri']}")


def test_tracing():
    receivers = json.loads(asked("tracing")["local_app_data"]["receivers"])
    check(receivers and set(receivers) <= {"zipkin", "otlp_grpc", "otlp_http", "jaeger_grpc", "jaeger_thrift_http"}, f"tracing: {receivers}")


def test_http_proxy():
    requests = json.loads(asked("http-proxy")["local_app_data"]["requests"])
    check(isinstance(requests, list) and len(requests) == 1, f"http-proxy: {requests}")
    for request in requests:
        check(uuid.UUID(request["requirer"]).version == 4 and str(uuid.UUID(request["requirer"])) == request["requirer"], f"http-proxy: {request}")
        check(isinstance(request["domains"], list) and isinstance(request["auth"], list), f"http-proxy: {request}")
        check(list(request) == sorted(request), "http-proxy: keys are not sorted")


def test_ingress():
    ours = asked("ingress")
    app = {key: json.loads(value) for key, value in ours["local_app_data"].items()}
    unit = {key: json.loads(value) for key, value in ours["local_unit_data"].items()}
    check(app == {"model": "prod", "name": "shop", "port": 8080, "strip-prefix": True, "is_port_open": True}, f"ingress: {app}")
    check(isinstance(unit["host"], str) and unit["host"], f"ingress: {unit}")
    check(re.fullmatch(r"[0-9.]+|[0-9a-f:]+", unit["ip"]), f"ingress: {unit}")
    # One unit without a host would make the whole relation not ready: followers have theirs, too.
    check(json.loads(asked("ingress", leader=False)["local_unit_data"]["host"]), "ingress: a follower without a host")


if __name__ == "__main__":
    for test in (test_databases, test_valkey, test_followers, test_plain, test_oauth, test_tracing, test_http_proxy, test_ingress):
        test()
    sys.exit(end())
