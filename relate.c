/* relate.c: what a provider of each interface would write, so that a relation can be tried without one.
 *
 * Each row is a relation in the state file's words, without its endpoint and id, and the secrets that its databags name. */
#include "folder.h"
#include "integrations.h"
#include "world.h"

struct example { const char *interface, *relation, *secrets; };

static const struct example examples[] = {
	{ "postgresql_client",
	  "remote_app_name: postgresql-k8s\n"
	  "remote_app_data:\n"
	  "  database: shop\n"
	  "  endpoints: postgresql-k8s-primary.local.svc.cluster.local:5432\n"
	  "  secret-user: secret:d0example0postgresql\n"
	  "  version: '14.15'\n",
	  "- id: secret:d0example0postgresql\n"
	  "  tracked_content: {username: relation_id_1, password: example-password}\n" },
	{ "mysql_client",
	  "remote_app_name: mysql-k8s\n"
	  "remote_app_data:\n"
	  "  database: shop\n"
	  "  endpoints: mysql-k8s-primary.local.svc.cluster.local:3306\n"
	  "  secret-user: secret:d0example00000mysql0\n"
	  "  version: 8.0.39\n",
	  "- id: secret:d0example00000mysql0\n"
	  "  tracked_content: {username: relation-1, password: example-password}\n" },
	{ "mongodb_client",
	  "remote_app_name: mongodb-k8s\n"
	  "remote_app_data:\n"
	  "  database: shop\n"
	  "  endpoints: mongodb-k8s-0.mongodb-k8s-endpoints\n"
	  "  replset: mongodb-k8s\n"
	  "  secret-user: secret:d0example000mongodb0\n",
	  "- id: secret:d0example000mongodb0\n"
	  "  tracked_content:\n"
	  "    username: relation-1\n"
	  "    password: example-password\n"
	  "    uris: mongodb://relation-1:example-password@mongodb-k8s-0.mongodb-k8s-endpoints/shop?replicaSet=mongodb-k8s&authSource=admin\n" },
	{ "redis",
	  "remote_app_name: redis-k8s\n"
	  "remote_app_data: {leader-host: redis-k8s-0.redis-k8s-endpoints}\n"
	  "remote_units_data:\n"
	  "  0: {hostname: 10.1.7.21, port: '6379'}\n", NULL },
	{ "valkey_client",
	  "remote_app_name: valkey\n"
	  "remote_app_data:\n"
	  "  version: v1\n"
	  "  requests: '[{\"resource\": \"*\", \"request-id\": \"ee8708e4b672dfca\", \"salt\": \"GfmXNQkdk5Ul3yk7\", \"endpoints\": "
	  "\"valkey-primary.local.svc:6379\", \"secret-user\": \"secret:d0example0000valkey0\", \"version\": \"9.0.1\"}]'\n"
	  "  data: '{\"ee8708e4b672dfca\": {\"resource\": \"*\", \"request-id\": \"ee8708e4b672dfca\", \"salt\": \"GfmXNQkdk5Ul3yk7\"}}'\n"
	  "local_app_data:\n"
	  "  version: v1\n"
	  "  requests: '[{\"resource\": \"*\", \"request-id\": \"ee8708e4b672dfca\", \"salt\": \"GfmXNQkdk5Ul3yk7\", \"extra-user-roles\": null, "
	  "\"extra-group-roles\": null, \"external-node-connectivity\": false, \"entity-type\": null, \"entity-permissions\": null, "
	  "\"secret-mtls\": null, \"mtls-cert\": null}]'\n",
	  "- id: secret:d0example0000valkey0\n"
	  "  tracked_content: {username: relation-1, password: example-password}\n" },
	{ "s3",
	  "remote_app_name: s3-integrator\n"
	  "remote_app_data:\n"
	  "  access-key: EXAMPLEACCESSKEY\n"
	  "  secret-key: example-secret-key\n"
	  "  bucket: shop\n"
	  "  endpoint: https://s3.example.com\n"
	  "  region: eu-west-1\n"
	  "  s3-uri-style: path\n", NULL },
	{ "saml",
	  "remote_app_name: saml-integrator\n"
	  "remote_app_data:\n"
	  "  entity_id: https://login.example.com\n"
	  "  metadata_url: https://login.example.com/saml/metadata\n"
	  "  x509certs: TUlJRXhhbXBsZQ==\n"
	  "  single_sign_on_service_redirect_url: https://login.example.com/saml/sso\n"
	  "  single_sign_on_service_redirect_binding: urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\n", NULL },
	{ "rabbitmq",
	  "remote_app_name: rabbitmq-k8s\n"
	  "remote_app_data:\n"
	  "  hostname: rabbitmq-k8s-endpoints.local.svc.cluster.local\n"
	  "  password: example-password\n", NULL },
	{ "smtp",
	  "remote_app_name: smtp-integrator\n"
	  "remote_app_data:\n"
	  "  host: smtp.example.com\n"
	  "  port: '587'\n"
	  "  user: shop\n"
	  "  domain: example.com\n"
	  "  auth_type: plain\n"
	  "  transport_security: starttls\n"
	  "  password_id: secret:d0example00000smtp00\n",
	  "- id: secret:d0example00000smtp00\n"
	  "  tracked_content: {password: example-password}\n" },
	{ "openfga",
	  "remote_app_name: openfga-k8s\n"
	  "remote_app_data:\n"
	  "  grpc_api_url: http://openfga-k8s.local.svc:8081\n"
	  "  http_api_url: http://openfga-k8s.local.svc:8080\n"
	  "  store_id: 01GK13VYZK62Q1T0X55Q2BHYD6\n"
	  "  token_secret_id: secret:d0example000openfga0\n",
	  "- id: secret:d0example000openfga0\n"
	  "  tracked_content: {token: example-token}\n" },
	{ "oauth",
	  "remote_app_name: hydra\n"
	  "remote_app_data:\n"
	  "  issuer_url: https://auth.example.com\n"
	  "  authorization_endpoint: https://auth.example.com/oauth2/auth\n"
	  "  token_endpoint: https://auth.example.com/oauth2/token\n"
	  "  introspection_endpoint: https://auth.example.com/admin/oauth2/introspect\n"
	  "  userinfo_endpoint: https://auth.example.com/userinfo\n"
	  "  jwks_endpoint: https://auth.example.com/.well-known/jwks.json\n"
	  "  scope: openid profile email\n"
	  "  jwt_access_token: 'False'\n"
	  "  client_id: example-client\n"
	  "  client_secret_id: secret:d0example0000oauth00\n",
	  "- id: secret:d0example0000oauth00\n"
	  "  tracked_content: {secret: example-client-secret}\n" },
	{ "tracing",
	  "remote_app_name: tempo\n"
	  "remote_app_data:\n"
	  "  receivers: '[{\"protocol\": {\"name\": \"otlp_http\", \"type\": \"http\"}, \"url\": \"http://tempo.local.svc:4318\"}]'\n", NULL },
	{ "http_proxy",
	  "remote_app_name: squid-forward-proxy\n"
	  "local_app_data:\n"
	  "  requests: '[{\"auth\": [], \"domains\": [], \"requirer\": \"70c9d5a1-2b3c-4d4e-8f50-61728394a5b6\"}]'\n"
	  "remote_app_data:\n"
	  "  responses: '[{\"requirer\": \"70c9d5a1-2b3c-4d4e-8f50-61728394a5b6\", \"status\": \"ready\", \"auth\": \"none\", "
	  "\"http_proxy\": \"http://squid.local.svc:3128\", \"https_proxy\": \"http://squid.local.svc:3128\"}]'\n", NULL },
	{ "ingress",
	  "remote_app_name: traefik-k8s\n"
	  "remote_app_data:\n"
	  "  ingress: '{\"url\": \"http://shop.example.com/local-shop\"}'\n", NULL },
	{ "loki_push_api",
	  "remote_app_name: loki-k8s\n"
	  "remote_units_data:\n"
	  "  0: {endpoint: '{\"url\": \"http://loki-k8s-0.loki-k8s-endpoints:3100/loki/api/v1/push\"}'}\n", NULL },
	{ "prometheus_scrape", "remote_app_name: prometheus-k8s\n", NULL },
	{ "grafana_dashboard", "remote_app_name: grafana-k8s\n", NULL },
	{ "secret-storage", "local_app_data: {}\n", NULL },
};

void examples_page(struct buf *out)
{
	buf_adds(out, "# What --relate writes\n\n"
	              "The relation that `--relate ENDPOINT` adds, by the endpoint's interface, and the secrets that its databags name, in the words of\n"
	              "[the state file](state.md). `dispatch docs examples` prints this page.\n");
	for (size_t i = 0; i < LEN(examples); i++) {
		buf_addf(out, "\n## %s\n\n```yaml\n%s", examples[i].interface, examples[i].relation);
		if (examples[i].secrets)
			buf_addf(out, "\n# secrets\n%s", examples[i].secrets);
		buf_adds(out, "```\n");
	}
}

/* By the endpoint's name, or by its interface where only one endpoint has it. */
static const struct endpoint *endpoint_meant(const struct charm *charm, struct str name)
{
	const struct endpoint *e = endpoint_find(charm, name), *found = NULL;

	if (e)
		return e;
	for (size_t i = 0; i < charm->n_endpoints; i++)
		if (str_eq(charm->endpoints[i].interface, name)) {
			if (found)
				return NULL;
			found = &charm->endpoints[i];
		}
	return found;
}

/* What to write under requires, where an integration of this name is known; "" otherwise. */
static struct str requires_hint(struct arena *arena, struct str name)
{
	const struct integration *row;

	for (size_t i = 0; (row = integration_nth(i)); i++)
		if (row->role == ROLE_REQUIRES && (str_is(name, row->name) || str_is(name, row->interface)))
			return str_f(arena, "; write under requires in charmcraft.yaml: " FMT ": {interface: %s, optional: true, limit: 1}", ARG(name), row->interface);
	return S("");
}

int relate_example(struct simulator *s, struct str name, struct err *err)
{
	const struct endpoint *e = endpoint_meant(s->charm, name);
	const struct example *x = NULL;
	struct node *relation, *secrets = NULL;
	struct strs names = { 0 };

	if (!e) {
		for (size_t i = 0; i < s->charm->n_endpoints; i++)
			strs_add(s->arena, &names, s->charm->endpoints[i].name);
		return err_set(err, ERR_INPUT, "--relate " FMT ": the charm has no such endpoint; it has: " FMT FMT, ARG(name),
		               ARG(strs_join(s->arena, &names, ", ")), ARG(requires_hint(s->arena, name)));
	}
	for (size_t i = 0; i < LEN(examples); i++)
		if (str_is(e->interface, examples[i].interface))
			x = &examples[i];
	if (!x)
		return err_set(err, ERR_INPUT, "--relate " FMT ": no example data for interface " FMT, ARG(e->name), ARG(e->interface));
	if (yaml_parse(s->arena, str_of(x->relation), "example", &relation, err) < 0
	    || (x->secrets && yaml_parse(s->arena, str_of(x->secrets), "example", &secrets, err) < 0))
		return -1;
	node_puts(s->arena, relation, "endpoint", e->name);
	NODE_EACH(secret, secrets)
		if (simulator_secret(s, node_copy(s->arena, secret), err) < 0)
			return -1;
	return simulator_relate(s, relation, err);
}
