#include "gate/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "detect/mask.h"
#include "tests/unit/tap.h"
#include "wire/wire.h"

static char folder[] = "/tmp/sworn-config-XXXXXX";
static char path[128];

static void in_folder(char out[128], const char *name) { snprintf(out, 128, "%s/%s", folder, name); }

static void write_file(const char *name, const char *text, mode_t mode) {
    char full[128];
    in_folder(full, name);
    int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    CHECK(fd >= 0 && fchmod(fd, mode) == 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

#define UPSTREAM \
    "upstreams:\n" \
    "  - {name: shop, protocol: postgres, address: '127.0.0.1:5432', environment: prod, user: sworn}\n"

static const char whole[] =
    "listeners:\n"
    "  - protocol: postgres\n"
    "    address: 127.0.0.1:6432\n"
    "    upstream: shop\n"
    "  - protocol: postgres\n"
    "    address: '[::]:7432'\n"
    "    upstream: shop\n"
    "    tls: {certificate: server.crt, key: /etc/server.key}\n"
    "  - {protocol: postgres, address: 'unix:run/.s.PGSQL.6432', upstream: shop}\n"
    "upstreams:\n"
    "  - name: shop\n"
    "    protocol: postgres\n"
    "    address: db.example:5432\n"
    "    environment: prod\n"
    "    database: shopdb\n"
    "    user: sworn\n"
    "    password: file:upstream.password\n"
    "    tls: {mode: verify-full, ca: ca.crt}\n"
    "    outcome: behind\n"
    "    max_message: 1MiB\n"
    "    connect_timeout: 1500ms\n"
    "principals:\n"
    "  - {name: copilot, kind: agent, on_behalf_of: ana, groups: [agents]}\n"
    "  - {name: ana, kind: user, groups: [support, oncall]}\n"
    "  - {name: nightly, kind: service, groups: []}\n"
    "tables:\n"
    "  - {upstream: shop, table: public.customers, labels: [pii, gdpr]}\n"
    "policy: {directory: rules, record_text: sealed}\n"
    "masking:\n"
    "  hash_key: env:SWORN_TEST_KEY\n"
    "  operators: {email: hash, card_number: 'null'}\n"
    "  columns:\n"
    "    - {upstream: shop, table: billing.*, column: ref, class: iban}\n"
    "    - {upstream: shop, column: nickname, class: person_name}\n"
    "  allow: [support@example.com]\n"
    "approval: {timeout: 2h}\n"
    "ledger:\n"
    "  directory: /var/log/evidence\n"
    "  origin: sworn.example/gateway-1\n"
    "  checkpoint_interval: 200ms\n"
    "  heartbeat: 30s\n"
    "state: db/sworn.db\n"
    "admin: unix:/run/sworn.sock\n"
    "workers: 3\n"
    "log: {level: debug, format: json}\n";

static void check_listeners(const struct config *config) {
    char full[128];
    is_integer(config->listener_count, 3, "listeners");
    const struct config_listener *listeners = config->listeners;
    is_str(listeners[0].address.host, STR("127.0.0.1"), "host");
    is_integer(listeners[0].address.port, 6432, "port");
    ok(listeners[0].upstream == &config->upstreams[0] && !listeners[0].has_tls, "its upstream, no TLS");
    is_str(listeners[1].address.host, STR("::"), "IPv6 host without brackets");
    in_folder(full, "server.crt");
    ok(listeners[1].has_tls, "TLS");
    is_str(listeners[1].tls_certificate, str_from_cstr(full), "a relative path counts from the file's folder");
    is_str(listeners[1].tls_key, STR("/etc/server.key"), "an absolute one stays");
    in_folder(full, "run/.s.PGSQL.6432");
    ok(listeners[2].address.is_unix, "a Unix socket");
    is_str(listeners[2].address.path, str_from_cstr(full), "resolved");
}

static void check_upstream(const struct config *config) {
    const struct config_upstream *upstream = config_find_upstream(config, STR("shop"));
    char full[128];
    ok(upstream == &config->upstreams[0] && config_find_upstream(config, STR("lab")) == NULL, "found by name");
    is_str(upstream->resource, STR("prod/shop"), "resource");
    is_str(upstream->database, STR("shopdb"), "database");
    is_str(secret_view(&upstream->password), STR("pass word"), "password, without the newline at its end");
    is_integer(upstream->tls_mode, CONFIG_TLS_VERIFY_FULL, "TLS mode");
    in_folder(full, "ca.crt");
    is_str(upstream->tls_ca, str_from_cstr(full), "CA");
    is_integer(upstream->outcome, CONFIG_OUTCOME_BEHIND, "outcome");
    is_integer(upstream->max_message_bytes, 1 << 20, "size");
    is_integer(upstream->connect_timeout_ns, 1500 * NANOSECONDS_PER_MILLISECOND, "duration");
}

static void check_rest(const struct config *config) {
    is_integer(config->principal_count, 3, "principals");
    ok(config->principals[0].kind == PRINCIPAL_AGENT && str_equal(config->principals[0].on_behalf_of, STR("ana")) &&
           config->principals[1].group_count == 2 && str_equal(config->principals[1].groups[1], STR("oncall")) &&
           config->principals[2].kind == PRINCIPAL_SERVICE, "as written");
    ok(config->resource_count == 1 && config->resources[0].label_count == 2 &&
           str_equal(config->resources[0].labels[1], STR("gdpr")), "table and labels");
    ok(str_equal(config->bundle_upstreams[0].name, STR("shop")) &&
           str_equal(config->bundle_upstreams[0].environment, STR("prod")), "upstreams for the bundle");
    ok(config->seals_policy_text && config->logs_json && config->log_level == LOG_DEBUG, "choices");
    is_integer(config->masking->operators[CLASS_EMAIL], MASK_HASH, "operator of email");
    is_integer(config->masking->operators[CLASS_CARD_NUMBER], MASK_NULL, "operator of card_number");
    is_integer(config->masking->operators[CLASS_IBAN], MASK_PARTIAL, "the default of another class");
    is_str(config->masking->key, STR("0123456789abcdef"), "key from the environment");
    const struct wire_column *columns = config->upstreams[0].columns;
    is_integer(config->upstreams[0].column_count, 2, "columns");
    ok(str_equal(columns[0].schema, STR("billing")) && str_equal(columns[0].table, STR("*")) &&
           str_equal(columns[0].column, STR("ref")) && str_equal(columns[0].class, STR("iban")), "a declared column");
    ok(str_equal(columns[1].schema, STR("*")) && str_equal(columns[1].table, STR("*")), "of any table");
    ok(mask_keeps(config->masking, CLASS_EMAIL, STR("support@example.com")) &&
           !mask_keeps(config->masking, CLASS_IBAN, STR("other@example.com")), "an allowed value");
    is_integer(config->approval_timeout_ns, 7200 * NANOSECONDS_PER_SECOND, "approval");
    is_str(config->ledger.directory, STR("/var/log/evidence"), "ledger");
    is_str(config->ledger.origin, STR("sworn.example/gateway-1"), "origin");
    is_integer(config->ledger.checkpoint_interval_ns, 200 * NANOSECONDS_PER_MILLISECOND, "checkpoints");
    is_str(config->admin.path, STR("/run/sworn.sock"), "admin");
    is_integer(config->workers, 3, "workers");
    struct sha256 digest = sha256_of(str_from_cstr(whole));
    ok(sha256_equal(&config->digest, &digest), "the file's digest");
    is_integer(config->warning_count, 0, "no warnings");
}

static void check_whole(void) {
    struct error error = {0};
    write_file("gateway.yaml", whole, 0600);
    write_file("upstream.password", "pass word\n", 0600);
    setenv("SWORN_TEST_KEY", "0123456789abcdef", 1);
    struct config *config = config_load(path, &error);
    if (!ok(config != NULL, "a whole config")) {
        printf("# %s\n", error.text);
        return;
    }
    check_listeners(config);
    check_upstream(config);
    check_rest(config);
    config_free(&config);
}

static const char apis[] =
    "operations:\n"
    "  - table: billing\n"
    "    rows:\n"
    "      - POST /v1/refunds create_refund\n"
    "      - GET /v1/refunds/{id} get_refund\n"
    "      - GET /v2/refunds/{id} get_refund\n"
    "  - {table: crm, rows: [GET / list]}\n"
    "upstreams:\n"
    "  - name: github\n"
    "    protocol: http\n"
    "    address: api.github.example:443\n"
    "    environment: prod\n"
    "    key: file:upstream.password\n"
    "    tls: {mode: verify-full}\n"
    "    operations: github\n"
    "  - name: billing\n"
    "    protocol: http\n"
    "    address: 127.0.0.1:8080\n"
    "    environment: prod\n"
    "    key: file:upstream.password\n"
    "    operations: billing\n"
    "    labels: [eu, money]\n"
    "  - {name: wiki, protocol: http, address: '127.0.0.1:8081', environment: prod}\n"
    "  - {name: claude, protocol: anthropic, address: '127.0.0.1:8082', environment: prod, labels: [eu]}\n"
    "models:\n"
    "  - {upstream: claude, model: claude-sonnet-4-5, labels: [approved]}\n"
    "tools:\n"
    "  - {upstream: claude, tool: send_email}\n"
    "endpoints:\n"
    "  - upstream: billing\n"
    "    endpoint: POST /v1/refunds\n"
    "    labels: [costly]\n"
    "listeners:\n"
    "  - {protocol: http, address: '127.0.0.1:9080', upstream: billing}\n";

static void check_operations(const struct config *config) {
    const struct config_upstream *upstreams = config->upstreams;
    ok(upstreams[0].operations.count > 10 && upstreams[2].operations.count == 0, "a built-in table, and none");
    is_integer(upstreams[1].operations.count, 3, "a table of its own");
    const struct operation *operation = &upstreams[1].operations.items[1];
    is_str(operation->method, STR("GET"), "method");
    is_str(operation->path_template, STR("/v1/refunds/{id}"), "path");
    is_str(operation->verb, STR("billing:get_refund"), "verb");
    is_integer(config->verb_count, 3, "each verb once");
    is_str(config->verbs[2], STR("crm:list"), "of every table");
}

static void check_apis(void) {
    struct error error = {0};
    write_file("gateway.yaml", apis, 0600);
    write_file("upstream.password", "the key\n", 0600);
    struct config *config = config_load(path, &error);
    if (!ok(config != NULL, "upstreams of APIs")) {
        printf("# %s\n", error.text);
        return;
    }
    check_operations(config);
    const struct config_upstream *billing = &config->upstreams[1];
    is_str(secret_view(&billing->password), STR("the key"), "key");
    is_str(billing->resource_type, STR("Api"), "type");
    ok(billing->label_count == 2 && config->bundle_upstreams[1].label_count == 2 &&
           str_equal(config->bundle_upstreams[1].labels[1], STR("money")), "labels of an upstream");
    const struct bundle_resource *endpoint = &config->resources[2];
    ok(config->resource_count == 3 && endpoint->label_count == 1 && str_equal(endpoint->labels[0], STR("costly")),
       "labels of an endpoint");
    is_str(endpoint->name, STR("POST /v1/refunds"), "its name");
    is_str(endpoint->type, STR("Endpoint"), "its type");
    is_str(config->upstreams[3].resource_type, STR("Provider"), "a model API is a provider");
    ok(str_equal(config->resources[0].type, STR("Model")) && str_equal(config->resources[1].type, STR("Tool")),
       "with models and tools");
    config_free(&config);
    char full[128];
    in_folder(full, "mask.key");
    unlink(full);
}

static void check_defaults(void) {
    char full[128];
    struct error error = {0};
    write_file("gateway.yaml", UPSTREAM, 0600);
    in_folder(full, "mask.key");
    struct config *config = config_load_for_command(path, &error);
    ok(config != NULL && config->masking_key.length == 0 && access(full, F_OK) != 0, "a command creates no key");
    config_free(&config);
    config = config_load(path, &error);
    if (!ok(config != NULL, "defaults")) {
        printf("# %s\n", error.text);
        return;
    }
    struct stat status;
    ok(stat(full, &status) == 0 && (status.st_mode & 0777) == 0600, "the gateway creates mask.key, mode 0600");
    is_integer(config->masking_key.length, 64, "32 bytes in hex");
    struct config *again = config_load(path, &error);
    ok(again != NULL && str_equal(secret_view(&again->masking_key), secret_view(&config->masking_key)), "once only");
    config_free(&again);
    unlink(full);
    const struct config_upstream *upstream = &config->upstreams[0];
    ok(upstream->tls_mode == CONFIG_TLS_NONE && upstream->outcome == CONFIG_OUTCOME_DURABLE &&
           upstream->max_message_bytes == 64u << 20 && upstream->connect_timeout_ns == 10 * NANOSECONDS_PER_SECOND &&
           upstream->database.data == NULL && upstream->password.length == 0, "of an upstream");
    in_folder(full, "evidence");
    is_str(config->ledger.directory, str_from_cstr(full), "evidence folder");
    in_folder(full, "policies");
    is_str(config->policy_directory, str_from_cstr(full), "policies");
    in_folder(full, "sworn.sock");
    is_str(config->admin.path, str_from_cstr(full), "admin socket");
    ok(config->approval_timeout_ns == 900 * NANOSECONDS_PER_SECOND && config->workers == 0 &&
       !config->seals_policy_text,
       "and the rest");
    ok(str_starts_with(config->ledger.origin, STR("sworn.local/")), "origin");
    config_free(&config);
}

#define LISTENER(address, more) \
    UPSTREAM "listeners:\n  - {protocol: postgres, upstream: shop, address: '" address "'" more "}\n"
#define API(more) "upstreams:\n - {name: a, protocol: http, address: 'h:1', environment: e" more "}\n"
#define TABLE(name, row) "operations:\n - table: " name "\n   rows:\n    - " row "\n" UPSTREAM
#define PRINCIPALS(rows) UPSTREAM "principals:\n" rows
#define LONG_NAME "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

static const struct {
    const char *name;
    const char *yaml;
    const char *where;
    const char *what;
} bad[] = {
    {"empty", "", "gateway.yaml: ", "empty"},
    {"unknown key at the top", UPSTREAM "listen: []\n", "gateway.yaml:3: listen: ", "no such key"},
    {"unknown key within", "upstreams:\n  - name: shop\n    adress: x\n", "gateway.yaml:3: upstreams[0].adress: ",
     "no such key"},
    {"wrong type: text for list", "upstreams: shop\n", "gateway.yaml:1: upstreams: ", "must be a list"},
    {"wrong type: list for text", UPSTREAM "state: [a]\n", "gateway.yaml:3: state: ", "must be a text"},
    {"wrong type: mapping for text", UPSTREAM "ledger: {key: {a: b}}\n", "ledger.key: ", "must be a text"},
    {"wrong type: text for number", UPSTREAM "workers: many\n", "gateway.yaml:3: workers: ", "whole number"},
    {"negative number", UPSTREAM "workers: -1\n", "workers: ", "whole number"},
    {"too many workers", UPSTREAM "workers: 5000\n", "workers: ", "at most 1024"},
    {"key twice", UPSTREAM "state: a\nstate: b\n", "state: ", "twice"},
    {"YAML that is none", "upstreams:\n - name: a\n  b: c: d\n", "gateway.yaml:", ""},
    {"an alias", UPSTREAM "state: &x a\nadmin: *x\n", "admin: ", "alias"},
    {"two documents", UPSTREAM "---\nstate: b\n", "gateway.yaml: ", "more than one"},
    {"listener without an upstream", UPSTREAM "listeners:\n - {protocol: postgres, address: '127.0.0.1:1'}\n",
     "listeners[0].upstream: ", "is missing"},
    {"listener of an unknown upstream",
     UPSTREAM "listeners:\n - {protocol: postgres, address: '127.0.0.1:1', upstream: lab}\n", "listeners[0].upstream: ",
     "no upstream lab"},
    {"unknown protocol", UPSTREAM "listeners:\n - {protocol: oracle, address: '127.0.0.1:1', upstream: shop}\n",
     "listeners[0].protocol: ", "must be postgres"},
    {"tokens in clear on the network", LISTENER("0.0.0.0:6432", ""), "listeners[0].tls: ", "in clear"},
    {"tokens in clear on a name that begins like an address", LISTENER("127.evil.example:443", ""), "listeners[0].tls: ",
     "in clear"},
    {"tokens in clear on a name", LISTENER("db.example:6432", ""), "listeners[0].tls: ", "in clear"},
    {"TLS without a key", LISTENER("0.0.0.0:6432", ", tls: {certificate: a}"), "listeners[0].tls.key: ", "is missing"},
    {"TLS on a Unix socket", LISTENER("unix:s", ", tls: {certificate: a, key: b}"), "listeners[0].tls: ", "no TLS"},
    {"two listeners on one address",
     LISTENER("127.0.0.1:1", "") "  - {protocol: postgres, upstream: shop, address: '127.0.0.1:1'}\n",
     "listeners[1].address: ", "another listener"},
    {"no port", LISTENER("127.0.0.1", ""), "listeners[0].address: ", "write host:port"},
    {"port out of range", LISTENER("127.0.0.1:65536", ""), "listeners[0].address: ", "no address"},
    {"IPv6 without brackets", LISTENER("::1:5432", ""), "listeners[0].address: ", "no address"},
    {"Unix path too long", LISTENER("unix:/" LONG_NAME "/x.sock", ""), "listeners[0].address: ", "at most 107 bytes"},
    {"upstream without a name", "upstreams:\n - {protocol: postgres}\n", "upstreams[0].name: ", "is missing"},
    {"upstream without an environment",
     "upstreams:\n - {name: a, protocol: postgres, address: 'h:1', user: u}\n", "upstreams[0].environment: ",
     "is missing"},
    {"upstream without a user", "upstreams:\n - {name: a, protocol: postgres, address: 'h:1', environment: e}\n",
     "upstreams[0].user: ", "is missing"},
    {"a name with a slash", "upstreams:\n - {name: a/b}\n", "upstreams[0].name: ", "letters"},
    {"two upstreams of one name", UPSTREAM "  - {name: shop}\n", "upstreams[1].name: ", "there already"},
    {"a password in the file", "upstreams:\n - {name: a, protocol: postgres, address: 'h:1', environment: e, user: u, "
                               "password: hunter2}\n", "upstreams[0].password: ", "env:NAME or file:path"},
    {"a password file that is not there",
     "upstreams:\n - {name: a, protocol: postgres, address: 'h:1', environment: e, "
     "user: u, password: 'file:nope'}\n", "upstreams[0].password: ", "cannot read"},
    {"a variable that is not there", "upstreams:\n - {name: a, protocol: postgres, address: 'h:1', environment: e, "
                                     "user: u, password: 'env:SWORN_NOPE'}\n", "upstreams[0].password: ", "SWORN_NOPE"},
    {"a size without sense", "upstreams:\n - {name: a, protocol: postgres, address: 'h:1', environment: e, user: u, "
                             "max_message: 64MB}\n", "upstreams[0].max_message: ", "as in 64MiB"},
    {"a size too large", "upstreams:\n - {name: a, protocol: postgres, address: 'h:1', environment: e, user: u, "
                         "max_message: 2GiB}\n", "upstreams[0].max_message: ", "must be from"},
    {"an unknown TLS mode", "upstreams:\n - {name: a, protocol: postgres, address: 'h:1', environment: e, user: u, "
                            "tls: {mode: prefer}}\n",
     "upstreams[0].tls.mode: ", "none, require, verify-ca or verify-full"},
    {"a CA that nothing checks",
     "upstreams:\n - {name: a, protocol: postgres, address: 'h:1', environment: e, user: u, "
                                 "tls: {mode: require, ca: x}}\n", "upstreams[0].tls.ca: ", "verify-ca"},
    {"principal without a kind", PRINCIPALS(" - {name: a}\n"), "principals[0].kind: ", "is missing"},
    {"principal of an unknown kind", PRINCIPALS(" - {name: a, kind: robot}\n"), "principals[0].kind: ",
     "user, agent or service"},
    {"principal twice", PRINCIPALS(" - {name: a, kind: user}\n - {name: a, kind: user}\n"), "principals: ", "twice"},
    {"on behalf of nobody", PRINCIPALS(" - {name: a, kind: agent, on_behalf_of: b}\n"), "principals: ", "kind user"},
    {"on behalf of an agent", PRINCIPALS(" - {name: a, kind: agent}\n - {name: b, kind: agent, on_behalf_of: a}\n"),
     "principals: ", "kind user"},
    {"table of an unknown upstream", UPSTREAM "tables:\n - {upstream: lab, table: a.b}\n", "tables[0].upstream: ",
     "no upstream lab"},
    {"table without a schema", UPSTREAM "tables:\n - {upstream: shop, table: b}\n", "tables[0].table: ", "public.b"},
    {"table twice", UPSTREAM "tables:\n - {upstream: shop, table: a.b}\n - {upstream: shop, table: a.b}\n",
     "tables[1].table: ", "there already"},
    {"an API with a user", API(", user: u"), "upstreams[0].user: ", "`key` instead"},
    {"an API with a password", API(", password: 'env:X'"), "upstreams[0].password: ", "`key` instead"},
    {"an API with a database", API(", database: d"), "upstreams[0].database: ", "remove it"},
    {"a key in clear on the network", API(", key: 'env:X'"), "upstreams[0].tls.mode: ", "verify-full"},
    {"an unknown table of operations", API(", operations: gitlab"), "upstreams[0].operations: ", "use github"},
    {"a database with a key", "upstreams:\n - {name: a, protocol: postgres, address: 'h:1', environment: e, user: u, key: "
                              "'env:X'}\n", "upstreams[0].key: ", "`user` and a `password`"},
    {"a database with operations", "upstreams:\n - {name: a, protocol: postgres, address: 'h:1', environment: e, user: u, "
                                   "operations: github}\n", "upstreams[0].operations: ", "only upstreams of protocol http"},
    {"operations of a provider", "upstreams:\n - {name: a, protocol: openai, address: 'h:1', environment: e, operations: "
                                 "github}\n", "upstreams[0].operations: ", "only upstreams of protocol http"},
    {"a model of an API that is no provider", API("") "models:\n - {upstream: a, model: m}\n", "models[0].upstream: ",
     "has no models"},
    {"a built-in table again", TABLE("github", "GET /a b"), "operations[0].table: ", "there already"},
    {"a table called as a group", TABLE("sql", "GET /a b"), "operations[0].table: ", "there already"},
    {"a table of no proper name", TABLE("Billing", "GET /a b"), "operations[0].table: ", "lower-case"},
    {"an operation without a name", TABLE("t", "GET /a"), "operations[0].rows: ", "row 0 must be"},
    {"an operation with too much", TABLE("t", "GET /a b c"), "operations[0].rows: ", "row 0 must be"},
    {"a method in lower case", TABLE("t", "get /a b"), "operations[0].rows: ", "row 0 must be"},
    {"a path without a slash", TABLE("t", "GET a b"), "operations[0].rows: ", "row 0 must be"},
    {"a path with a query", TABLE("t", "GET /a?b c"), "operations[0].rows: ", "row 0 must be"},
    {"half a parameter", TABLE("t", "GET /a/x{id} c"), "operations[0].rows: ", "row 0 must be"},
    {"an empty segment", TABLE("t", "GET /a//b c"), "operations[0].rows: ", "row 0 must be"},
    {"a slash at the end", TABLE("t", "GET /a/ c"), "operations[0].rows: ", "row 0 must be"},
    {"an operation twice", TABLE("t", "GET /a b\n    - GET /a c"), "operations[0].rows: ", "of row 0"},
    {"an endpoint of a database", UPSTREAM "endpoints:\n - {upstream: shop, endpoint: GET /a}\n", "endpoints[0].upstream: ",
     "has no endpoints"},
    {"a model of a database", UPSTREAM "models:\n - {upstream: shop, model: m}\n", "models[0].upstream: ", "has no models"},
    {"a tool without a name", UPSTREAM "tools:\n - {upstream: shop}\n", "tools[0].tool: ", "is missing"},
    {"a table of an API", API("") "tables:\n - {upstream: a, table: a.b}\n", "tables[0].upstream: ", "has no tables"},
    {"unknown class", UPSTREAM "masking: {operators: {emial: redact}}\n", "masking.operators.emial: ", "no such key"},
    {"unknown operator", UPSTREAM "masking: {operators: {email: blur}}\n", "masking.operators.email: ",
     "no operator blur"},
    {"a column of no upstream", UPSTREAM "masking: {columns: [{upstream: x, column: c, class: email}]}\n",
     "masking.columns[0].upstream: ", "there is no upstream x"},
    {"a column of no class", UPSTREAM "masking: {columns: [{upstream: shop, column: c, class: emial}]}\n",
     "masking.columns[0].class: ", "no data class emial"},
    {"a table without its schema", UPSTREAM "masking: {columns: [{upstream: shop, table: t, column: c, class: email}]}\n",
     "masking.columns[0].table: ", "write t with its schema"},
    {"a short allowed value", UPSTREAM "masking: {allow: [ab]}\n", "masking.allow: ", "shorter than 3 bytes"},
    {"a short hash key", UPSTREAM "masking: {hash_key: 'env:SWORN_TEST_SHORT'}\n", "masking.hash_key: ", "at least 16"},
    {"a duration without sense", UPSTREAM "approval: {timeout: soon}\n", "approval.timeout: ", "as in 15m"},
    {"a duration too long", UPSTREAM "approval: {timeout: 31d}\n", "approval.timeout: ", "from 1s to 30d"},
    {"an origin with a space", UPSTREAM "ledger: {origin: a b}\n", "ledger.origin: ", "no space"},
    {"admin on the network", UPSTREAM "admin: '127.0.0.1:1'\n", "admin: ", "Unix socket"},
    {"record_text", UPSTREAM "policy: {record_text: none}\n", "policy.record_text: ", "plain or sealed"},
    {"log level", UPSTREAM "log: {level: loud}\n", "log.level: ", "error, warning, info or debug"},
};

static void check_bad(void) {
    setenv("SWORN_TEST_SHORT", "short", 1);
    unsetenv("SWORN_NOPE");
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        struct error error = {0};
        write_file("gateway.yaml", bad[i].yaml, 0600);
        struct config *config = config_load(path, &error);
        bool is_told = config == NULL && strstr(error.text, bad[i].where) != NULL &&
                strstr(error.text, bad[i].what) != NULL;
        if (!ok(is_told, bad[i].name)) printf("# %s\n", error.text);
        ok(strstr(error.text, "hunter2") == NULL, "no secret in the text");
        config_free(&config);
    }
    struct error error = {0};
    ok(config_load("/nonexistent/gateway.yaml", &error) == NULL && error.code == ERROR_SYSTEM, "no file");
}

static void check_warnings(void) {
    struct error error = {0};
    write_file("gateway.yaml",
               "upstreams:\n  - {name: shop, protocol: postgres, address: '127.0.0.1:5432', environment: "
                               "prod, user: sworn, password: 'file:upstream.password'}\n", 0600);
    write_file("upstream.password", "secret\n", 0640);
    struct config *config = config_load(path, &error);
    ok(config != NULL && config->warning_count == 1 &&
           str_find(config->warnings[0], STR("upstreams[0].password")) != STR_NOT_FOUND,
       "a secret that a group can read");
    config_free(&config);
    write_file("upstream.password", "\n", 0600);
    config = config_load(path, &error);
    ok(config == NULL && strstr(error.text, "empty") != NULL, "an empty secret");
    config_free(&config);
}

static const struct {
    const char *text;
    uint64_t value; /* UINT64_MAX: refused */
} sizes[] = {{"0", 0}, {"4096", 4096}, {"7B", 7}, {"1KiB", 1024}, {"64MiB", 64ull << 20}, {"3GiB", 3ull << 30},
             {"", UINT64_MAX}, {"MiB", UINT64_MAX}, {"-1", UINT64_MAX}, {"1.5MiB", UINT64_MAX}, {"1 MiB", UINT64_MAX},
             {"1MB", UINT64_MAX}, {"18446744073709551615GiB", UINT64_MAX}},
  durations[] = {{"0s", 0}, {"500ms", 500000000}, {"15m", 900000000000}, {"30d", 2592000000000000},
                 {"1h", 3600000000000},
                 {"10", UINT64_MAX}, {"s", UINT64_MAX}, {"1w", UINT64_MAX}, {"1m30s", UINT64_MAX},
                 {"99999999999999d", UINT64_MAX}};

static void check_values(void) {
    for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
        uint64_t value = 0;
        if (config_parse_size(str_from_cstr(sizes[i].text), &value) != 0) value = UINT64_MAX;
        is_integer(value, sizes[i].value, sizes[i].text);
    }
    for (size_t i = 0; i < LENGTH_OF(durations); i++) {
        uint64_t value = 0;
        if (config_parse_duration(str_from_cstr(durations[i].text), &value) != 0) value = UINT64_MAX;
        is_integer(value, durations[i].value, durations[i].text);
    }
}

static void check_check(void) {
    struct buffer out;
    buffer_init(&out, 65536);
    write_file("gateway.yaml", UPSTREAM "policy: {directory: .}\n", 0600);
    write_file("p.cedar", "permit (principal, action, resource);", 0600);
    is_integer(config_check(path, &out), 0, "a good config with good policies");
    is_integer(buffer_length(&out), 0, "says nothing");
    write_file("p.cedar", "permit (principal, action, resource)", 0600);
    write_file("q.cedar", "@id(\"q\") @remedy(\"approve:x\") forbid (principal, action, resource);", 0600);
    is_integer(config_check(path, &out), 2, "two policies that are none");
    buffer_append_byte(&out, '\0');
    ok(strstr(out.data, "/p.cedar:1:") != NULL && strstr(out.data, "/q.cedar:1:1: error: policy q") != NULL,
       "both named");
    buffer_clear(&out);
    write_file("p.cedar", "forbid (principal, action in Sworn::Action::\"sql\", resource)\n"
                          "when { context.clases.contains(\"jwt\") };", 0600);
    write_file("q.cedar", "permit (principal, action, resource) when { resource == Sworn::User::\"x\" };", 0600);
    is_integer(config_check(path, &out), 1, "a typo that the schema finds");
    buffer_append_byte(&out, '\0');
    if (!ok(strstr(out.data, "/p.cedar:2:") != NULL && strstr(out.data, ": error: policy p.cedar#policy0: ") != NULL &&
            strstr(out.data, "/q.cedar:1:1: warning: policy q.cedar#policy0: ") != NULL, "an error and a warning")) {
        printf("# %s\n", out.data);
    }
    buffer_clear(&out);
    write_file("gateway.yaml", "upstream: x\n", 0600);
    is_integer(config_check(path, &out), 1, "a bad config");
    buffer_free(&out);
}

int main(void) {
    CHECK(mkdtemp(folder) != NULL);
    in_folder(path, "gateway.yaml");
    check_whole();
    check_apis();
    check_defaults();
    check_bad();
    check_warnings();
    check_values();
    check_check();
    static const char *const files[] = {"gateway.yaml", "upstream.password", "p.cedar", "q.cedar", "mask.key"};
    for (size_t i = 0; i < LENGTH_OF(files); i++) {
        char full[128];
        in_folder(full, files[i]);
        unlink(full);
    }
    CHECK(rmdir(folder) == 0);
    return tap_done();
}
