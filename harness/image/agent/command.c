/* A command as bytes: pod, number of arguments, the arguments, then the environment. */
#define _GNU_SOURCE
#include "agent.h"

#include <stdlib.h>
#include <string.h>

bool parse_command(const char *bytes, size_t length, struct command *out)
{
	memset(out, 0, sizeof *out);
	if (length == 0 || bytes[length - 1] != '\0')
		return false;

	size_t strings = 0;
	for (size_t i = 0; i < length; i++)
		strings += bytes[i] == '\0';
	if (strings < 3)
		return false;

	out->storage = malloc(length);
	char **list = calloc(strings + 2, sizeof *list);
	if (!out->storage || !list) {
		free(list);
		free_command(out);
		return false;
	}
	memcpy(out->storage, bytes, length);

	size_t count = 0;
	for (char *at = out->storage; at < out->storage + length; at += strlen(at) + 1)
		list[count++] = at;

	long argc = strtol(list[1], NULL, 10);
	if (argc < 1 || (size_t)argc > strings - 2) {
		free(list);
		free_command(out);
		return false;
	}

	/* list[0] is the pod and list[1] the count: shift so that both vectors end in NULL. */
	out->pod = list[0];
	out->argv = calloc(argc + 1, sizeof *out->argv);
	out->env = calloc(strings - 2 - argc + 1, sizeof *out->env);
	if (!out->argv || !out->env) {
		free(list);
		free_command(out);
		return false;
	}
	memcpy(out->argv, list + 2, argc * sizeof *list);
	memcpy(out->env, list + 2 + argc, (strings - 2 - argc) * sizeof *list);
	free(list);
	return true;
}

void free_command(struct command *command)
{
	free(command->argv);
	free(command->env);
	free(command->storage);
	memset(command, 0, sizeof *command);
}
