/* What the files of `reeve policy` and `reeve system` share. One thread. */
#ifndef RV_CLI_POLICY_H
#define RV_CLI_POLICY_H
#include "base/str.h"

/* "dir/acme.cedar" -> "acme" */
struct rv_str rv_policy_file_name(const char *path);
int rv_cmd_policy_test(int argc, char **argv);
int rv_cmd_policy_simulate(int argc, char **argv);
int rv_cmd_policy_replay(int argc, char **argv);
int rv_cmd_system_charter(int argc, char **argv);
int rv_cmd_system_history(int argc, char **argv);
int rv_cmd_system_diff(int argc, char **argv);
#endif
