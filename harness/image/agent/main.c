/* podwire-agent: the one program of ours inside the containers.
 *
 *   init NAME SIZE      first process of a node: keeps the learner's world (world.c)
 *   reap                first process inside that world: collects orphans
 *   pause               does nothing, cheaply: the fabric between sessions
 *   pod HOSTNAME        the pause process of a pod: holds its namespaces, prints its pid
 *   world PID...        the first process of each container's world, as seen here
 *   enter [--pod P] ... runs a learner's command or shell inside the world (enter.c)
 *   session             the fabric's multiplexer: runs probes in any namespace (session.c)
 *   watch NODE=PID...   tells what changes in a testbed's namespaces (watch.c)
 *   capture ...         sees every packet in a testbed's namespaces (capture.c)
 *   serve, ask          the two ends of a reachability probe (serve.c, ask.c)
 *   apps NAME=...       the servers that stand in a testbed: endpoints of Services (apps.c)
 *   sample              asks those servers many times, and counts who answered (sample.c)
 *   read PID PATH       prints a file of a node's world (read.c)
 */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void stop(int signal)
{
	(void)signal;
	_exit(0);
}

/* A PID 1 that ignores SIGTERM makes every stop wait ten seconds. */
__attribute__((noreturn)) static void run_pause(void)
{
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	for (;;)
		pause();
}

/* Called in the pod's network namespace with a uts namespace of its own. Returns in the caller once the
 * pod stands; the process that stays is the pod's `pause`. */
static int run_pod(const char *name)
{
	if (sethostname(name, strlen(name)) != 0)
		die("cannot set the hostname of pod %s", name);
	raise_loopback();
	pid_t pause_process = fork();
	if (pause_process < 0)
		die("cannot start the pause process of pod %s", name);
	if (pause_process > 0) {
		printf("%d\n", (int)pause_process);
		return 0;
	}
	setsid();
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	execl("/proc/self/exe", "pause", "pause", (char *)NULL);
	_exit(125);
}

static int run_world(int count, char **container_inits)
{
	for (int i = 0; i < count; i++)
		printf("%d\n", (int)find_world(atoi(container_inits[i])));
	return 0;
}

__attribute__((noreturn)) static void run_reap(void)
{
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		sigwaitinfo(&child, NULL);
	}
}

int run_role(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";
	if (!strcmp(role, "init"))
		return run_init(argc - 1, argv + 1);
	if (!strcmp(role, "reap"))
		run_reap();
	if (!strcmp(role, "pause"))
		run_pause();
	if (!strcmp(role, "pod") && argc == 3)
		return run_pod(argv[2]);
	if (!strcmp(role, "world"))
		return run_world(argc - 2, argv + 2);
	if (!strcmp(role, "enter"))
		return run_enter(argc - 1, argv + 1);
	if (!strcmp(role, "session"))
		return run_session(argc - 1, argv + 1);
	if (!strcmp(role, "watch"))
		return run_watch(argc - 1, argv + 1);
	if (!strcmp(role, "capture"))
		return run_capture(argc - 1, argv + 1);
	if (!strcmp(role, "serve"))
		return run_serve(argc - 1, argv + 1);
	if (!strcmp(role, "ask"))
		return run_ask(argc - 1, argv + 1);
	if (!strcmp(role, "apps"))
		return run_apps(argc - 1, argv + 1);
	if (!strcmp(role, "sample"))
		return run_sample(argc - 1, argv + 1);
	if (!strcmp(role, "forget"))
		return run_forget(argc - 1, argv + 1);
	if (!strcmp(role, "read"))
		return run_read(argc - 1, argv + 1);
	errno = 0;
	die("unknown role '%s'; wanted init, reap, pause, pod, world, enter, session, watch, capture, serve, ask, apps, sample, read or forget", role);
}

int main(int argc, char **argv)
{
	return run_role(argc, argv);
}
