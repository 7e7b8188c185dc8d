/* Runs a learner's command or shell inside the world of this container.
 *
 *   enter [--pod POD] [--env NAME=VALUE]... -- COMMAND [ARG...]
 *
 * Started by `docker exec`, so that the command counts against the node's limits; the program itself
 * lies in the container's read-only file system, which nobody in the world can reach. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A shell needs a session of its own inside the world's pid namespace to have job control. The
 * terminal can lead one session only, so this process lets go of it and the child takes it. */
static void release_terminal(void)
{
	signal(SIGHUP, SIG_IGN);
	ioctl(0, TIOCNOTTY);
}

static void take_terminal(void)
{
	signal(SIGHUP, SIG_DFL);
	setsid();
	ioctl(0, TIOCSCTTY, 0);
}

int run_enter(int argc, char **argv)
{
	const char *pod = "";
	int at = 1;
	clearenv();
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	for (; at + 1 < argc && strcmp(argv[at], "--") != 0; at += 2) {
		if (!strcmp(argv[at], "--pod"))
			pod = argv[at + 1];
		else if (!strcmp(argv[at], "--env"))
			putenv(argv[at + 1]);
		else
			die("enter: unknown option '%s'", argv[at]);
	}
	if (at + 1 >= argc) {
		errno = 0;
		die("enter: no command");
	}
	char **command = argv + at + 1;

	pid_t world = find_world(1);
	if (world < 0) {
		errno = 0;
		die("the node has no running world");
	}
	/* The terminal belongs to the container's root, whom the world knows as nobody. */
	if (isatty(0) && fchown(0, WORLD_FIRST_ID, WORLD_FIRST_ID + 5) != 0)
		perror("podwire-agent: terminal");
	become_owner();
	enter_world(world);
	bool terminal = isatty(0);
	if (terminal)
		release_terminal();

	pid_t child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		if (terminal)
			take_terminal();
		if (!*pod) {
			execvp(command[0], command);
			die("%s", command[0]);
		}
		int count = 0;
		while (command[count])
			count++;
		char **inside = calloc(count + 3, sizeof *inside);
		inside[0] = "/usr/lib/podwire/in-pod";
		inside[1] = (char *)pod;
		memcpy(inside + 2, command, count * sizeof *inside);
		execv(inside[0], inside);
		die("%s", inside[0]);
	}

	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	int status;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
