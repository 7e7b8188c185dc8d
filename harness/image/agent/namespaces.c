/* Finding and entering namespaces of a node without trusting anything its learner can change. */
#define _GNU_SOURCE
#include "agent.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef NSFS_MAGIC
#define NSFS_MAGIC 0x6e736673
#endif

static int open_proc(pid_t pid, const char *entry, int flags)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, entry);
	return open(path, flags | O_CLOEXEC);
}

/* Whether PID is 1 inside its own pid namespace: the last number of the NSpid line (man 5 proc). */
static bool is_first_process(pid_t pid)
{
	char path[64], line[256];
	bool first = false;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *status = fopen(path, "re");
	if (!status)
		return false;
	while (fgets(line, sizeof line, status)) {
		if (strncmp(line, "NSpid:", 6))
			continue;
		char *last = line + strlen(line);
		while (last > line && isspace((unsigned char)last[-1]))
			*--last = '\0';
		while (last > line && isdigit((unsigned char)last[-1]))
			last--;
		first = !strcmp(last, "1");
	}
	fclose(status);
	return first;
}

/* The first process of the learner's world: the child of the container's init that is PID 1 in a
 * pid namespace of its own. Returns -1 when there is none (the world is being made, or is gone). */
pid_t find_world(pid_t container_init)
{
	char path[64];
	int child;
	pid_t found = -1;
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)container_init, (int)container_init);
	FILE *children = fopen(path, "re");
	if (!children)
		return -1;
	while (found < 0 && fscanf(children, "%d", &child) == 1)
		if (is_first_process(child))
			found = child;
	fclose(children);
	return found;
}

int open_container_netns(pid_t container_init)
{
	return open_proc(container_init, "ns/net", O_RDONLY);
}

static bool same_file(int a, int b)
{
	struct stat sa, sb;
	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* Whether the namespace belongs to the user namespace or to one made inside it (man 2 ioctl_ns). */
static bool belongs_to(int ns, int user_ns)
{
	int owner = ioctl(ns, NS_GET_USERNS);
	while (owner >= 0) {
		if (same_file(owner, user_ns)) {
			close(owner);
			return true;
		}
		int parent = ioctl(owner, NS_GET_PARENT);
		close(owner);
		owner = parent;
	}
	return false;
}

/* Opens the network namespace of a node ("" as pod) or of a pod in it.
 *
 * The path of a pod's namespace lies in a file system that its learner owns. It is resolved with the
 * node's root as root and no magic links (man 2 openat2), must be a network namespace, and must be
 * owned by the node's own user namespace: neither a symbolic link nor a bind mount can lead to the
 * host, to the fabric or to another testbed. Returns -1 and the reason in `why` otherwise. */
int open_trusted_netns(pid_t container_init, const char *pod, char *why, size_t why_size)
{
	pid_t world = find_world(container_init);
	if (world < 0) {
		snprintf(why, why_size, "node-gone: the node has no running world");
		return -1;
	}

	int user_ns = open_proc(world, "ns/user", O_RDONLY);
	int ns = -1;
	if (!*pod) {
		ns = open_proc(world, "ns/net", O_RDONLY);
	} else {
		char path[128];
		int root = open_proc(world, "root", O_PATH | O_DIRECTORY);
		struct open_how how = {
			.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
			.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
		};
		snprintf(path, sizeof path, "run/netns/%s", pod);
		if (root >= 0 && !strchr(pod, '/') && strcmp(pod, "..") != 0)
			ns = syscall(SYS_openat2, root, path, &how, sizeof how);
		else
			errno = EINVAL;
		if (root >= 0)
			close(root);
	}
	if (ns < 0) {
		snprintf(why, why_size, "%s: %s", errno == ENOENT ? "no-namespace" : "unreadable-namespace", strerror(errno));
	} else {
		struct statfs fs;
		if (fstatfs(ns, &fs) != 0 || (unsigned long)fs.f_type != NSFS_MAGIC || ioctl(ns, NS_GET_NSTYPE) != CLONE_NEWNET) {
			snprintf(why, why_size, "not-a-namespace: /run/netns/%s is not a network namespace", pod);
			close(ns);
			ns = -1;
		} else if (user_ns < 0 || !belongs_to(ns, user_ns)) {
			snprintf(why, why_size, "foreign-namespace: /run/netns/%s leads out of the node", pod);
			close(ns);
			ns = -1;
		}
	}
	if (user_ns >= 0)
		close(user_ns);
	return ns;
}

/* Becomes the user who owns this node's user namespace, with the capabilities of before.
 *
 * What is used up in a user namespace also counts against the user who made it (kernel/ucount.c): were
 * that the host's root, whoever takes all inotify instances in a node would take them from every service
 * of the host. So it is a user whom nobody else has: the number of the container's network namespace,
 * unique on the host. */
void become_owner(void)
{
	struct stat unique;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct capabilities[_LINUX_CAPABILITY_U32S_3];
	if (stat("/proc/self/ns/net", &unique) != 0 || syscall(SYS_capget, &header, capabilities) != 0)
		die("cannot read who owns the world");
	if (setresuid(-1, unique.st_ino, -1) != 0)
		die("cannot become the owner of the world");
	/* The kernel takes the effective capabilities from whoever ceases to be root. */
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		capabilities[i].effective = capabilities[i].permitted;
	if (syscall(SYS_capset, &header, capabilities) != 0)
		die("cannot keep the capabilities");
}

/* Moves the calling process into every namespace of the world, as its root. The caller forks
 * afterwards: a pid namespace takes effect for children only. Exits on failure. */
void enter_world(pid_t world)
{
	static const char *const entries[] = {"ns/user", "ns/cgroup", "ns/ipc", "ns/uts", "ns/net", "ns/pid", "ns/mnt"};
	enum { COUNT = sizeof entries / sizeof *entries };
	int fds[COUNT];

	for (int i = 0; i < COUNT; i++)
		if ((fds[i] = open_proc(world, entries[i], O_RDONLY)) < 0)
			die("cannot open %s of the world", entries[i]);
	for (int i = 0; i < COUNT; i++) {
		if (setns(fds[i], 0) != 0)
			die("cannot enter %s of the world", entries[i]);
		close(fds[i]);
	}
	if (setgroups(0, NULL) != 0 || setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
		die("cannot become root of the world");
	if (chdir("/root") != 0 && chdir("/") != 0)
		die("cannot enter the world's file system");
}
