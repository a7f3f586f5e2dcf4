/* commands.h: gmux COMMAND ARGUMENTS. Each gives the exit code back. */
#ifndef TOOL_COMMANDS_H
#define TOOL_COMMANDS_H

enum { EXIT_DONE = 0, EXIT_CALL_FAILED = 1, EXIT_USAGE = 2 };

/* argv[0] is the command's name. */
int command_bench(int argc, char **argv);
int command_call(int argc, char **argv);
int command_describe(int argc, char **argv);
int command_health(int argc, char **argv);
int command_list(int argc, char **argv);
int command_ping(int argc, char **argv);
int command_top(int argc, char **argv);

#endif
