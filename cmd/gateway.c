/* sworn gateway, sworn check, sworn keeper: what runs, and what is checked before it runs. */
#include "cmd/command.h"
#include "gate/gateway.h"
#include "keeper/keeper.h"

int command_gateway(int argc, char **argv) {
    const char *config = NULL;
    const struct command_option options[] = {COMMAND_OPTION_CONFIG(&config)};
    const struct command_usage usage = {
        "gateway", "",
        "Runs the gateway in the foreground until SIGTERM, which lets sessions finish what is in flight. SIGHUP reloads\n"
        "policies and configuration, all or nothing. Exit status 0 after an orderly stop.",
        options, LENGTH_OF(options), 0, 0};
    int count;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    return gateway_run(command_config_path(config), "/proc/self/exe");
}

int command_check_config(const char *config) {
    struct buffer report;
    buffer_init(&report, (size_t)16 << 20);
    size_t errors = config_check(command_config_path(config), &report);
    struct str text = buffer_view(&report);
    fwrite(text.data, 1, text.length, errors > 0 ? stderr : stdout);
    buffer_free(&report);
    if (errors == 0) printf("%s: good\n", command_config_path(config));
    return errors == 0 ? COMMAND_OK : COMMAND_USAGE;
}

int command_check(int argc, char **argv) {
    const char *config = NULL;
    const struct command_option options[] = {COMMAND_OPTION_CONFIG(&config)};
    const struct command_usage usage = {
        "check", "", "Reads the configuration and its policies as the gateway would, and lists every problem.", options,
        LENGTH_OF(options), 0, 0};
    int count;
    int status = command_parse(&usage, argc, argv, &count);
    return status >= 0 ? status : command_check_config(config);
}

int command_keeper(int argc, char **argv) {
    return keeper_child_main(argc, argv);
}
