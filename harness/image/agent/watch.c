/* Tells what changes in the namespaces of a testbed, as it changes.
 *
 *   watch NODE=INIT...          INIT is the pid of the node container's first process
 *
 * One process for the whole testbed: a netlink socket keeps the network namespace it was made in, so
 * every node and every pod is heard from here, and the harness decides what a message means. Prints
 * lines of four fields separated by tabs, KIND NODE POD REST:
 *
 *   route, rules    one message of rtnetlink or nftables (man 7 rtnetlink), in hexadecimal
 *   overflow        messages were lost; all links and neighbours follow anew
 *   namespaces      NAME=INODE of each in /run/netns; whenever one differs, the whole list
 *   settings        NAME=VALUE of kernel settings, likewise
 *   legacy          TABLE=HASH of each table of the old iptables, likewise
 *   files           PATH=VERSION of files that tell names, likewise
 *   gone            the world of the node ended
 *
 * What the kernel does not announce is looked at ten times a second. */
#define _GNU_SOURCE
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_NODES = 32, MAX_PODS = 64, MAX_NAME = 64, LOOK_MS = 100, LIST_SIZE = 1 << 15, MESSAGE_SIZE = 1 << 16,
	LEGACY_SIZE = 1 << 18 };

struct space {
	bool used, seen;
	char pod[MAX_NAME]; /* "" for the node itself */
	ino_t inode;
	int route, rules;
	char *settings, *legacy;
};

struct node {
	const char *name;
	pid_t init, world;
	int process, root, directory; /* pidfd of the world; its root; inotify watch of /run/netns, or -1 */
	char *namespaces, *files;
	struct space spaces[1 + MAX_PODS];
};

static struct node nodes[MAX_NODES];
static int node_count, own_netns, notifier;

/* A growing line of NAME=VALUE; what does not fit is left out. */
static char list[LIST_SIZE];
static size_t list_length;

__attribute__((format(printf, 1, 2))) static void list_add(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(list + list_length, sizeof list - list_length, format, arguments);
	va_end(arguments);
	if (length > 0 && list_length + length < sizeof list)
		list_length += length;
	list[list_length] = '\0';
}

static void list_begin(void)
{
	list_length = 0;
	list[0] = '\0';
}

/* Prints the list if it is not what it was. */
static void list_report(const char *kind, const struct node *node, const char *pod, char **last)
{
	if (*last && !strcmp(*last, list))
		return;
	free(*last);
	*last = strdup(list);
	printf("%s\t%s\t%s\t%s\n", kind, node->name, pod, list);
}

/* Names become fields of a line, and parts of paths. */
static bool is_plain(const char *name)
{
	return *name && *name != '.' && strlen(name) < MAX_NAME &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(name);
}

/* The learner owns the paths of the world: they are resolved with its root as root. */
static int open_in_world(const struct node *node, const char *path, uint64_t flags)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	return syscall(SYS_openat2, node->root, path, &how, sizeof how);
}

static bool stat_in_world(const struct node *node, const char *path, struct stat *out)
{
	int fd = open_in_world(node, path, O_PATH);
	bool found = fd >= 0 && fstat(fd, out) == 0;
	if (fd >= 0)
		close(fd);
	return found;
}

static DIR *list_in_world(const struct node *node, const char *path)
{
	int fd = open_in_world(node, path, O_RDONLY | O_DIRECTORY);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !directory)
		close(fd);
	return directory;
}

static int listen_to(int protocol, const int *groups, int count)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int large = 1 << 20, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		close(fd);
		return -1;
	}
	/* A kernel without nftables or bridge VLANs knows fewer groups. */
	for (int i = 0; i < count; i++)
		setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i]);
	return fd;
}

/* Asks for all there is of a kind: what is heard later tells what changed only against that. A socket
 * answers one such question at a time: the links come first, and with their end the neighbours. */
static void ask_for_all(int fd, int type)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg body; /* as long as any other body, and all zero */
	} request = {.header = {sizeof request, type, NLM_F_REQUEST | NLM_F_DUMP, type, 0}};
	send(fd, &request, sizeof request, 0);
}

static void detach(struct space *space)
{
	if (space->route >= 0)
		close(space->route);
	if (space->rules >= 0)
		close(space->rules);
	free(space->settings);
	free(space->legacy);
	*space = (struct space){.route = -1, .rules = -1};
}

/* Enters the namespace, does the work and comes back. */
static bool attach(struct node *node, struct space *space, const char *pod, ino_t inode)
{
	static const int route_groups[] = {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_TC, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV4_RULE, RTNLGRP_IPV4_NETCONF, RTNLGRP_NEXTHOP, RTNLGRP_BRVLAN};
	static const int rules_groups[] = {NFNLGRP_NFTABLES};
	char why[256];
	struct stat status;
	int ns = open_trusted_netns(node->init, pod, why, sizeof why);
	if (ns < 0)
		return false;
	*space = (struct space){.used = true, .seen = true, .inode = inode, .route = -1, .rules = -1};
	snprintf(space->pod, sizeof space->pod, "%s", pod);
	if (fstat(ns, &status) == 0)
		space->inode = status.st_ino;
	if (setns(ns, CLONE_NEWNET) == 0) {
		space->route = listen_to(NETLINK_ROUTE, route_groups, sizeof route_groups / sizeof *route_groups);
		space->rules = listen_to(NETLINK_NETFILTER, rules_groups, 1);
		if (setns(own_netns, CLONE_NEWNET) != 0)
			die("watch: cannot return to the fabric's namespace");
	}
	close(ns);
	if (space->route < 0 || space->rules < 0) {
		detach(space);
		return false;
	}
	ask_for_all(space->route, RTM_GETLINK);
	return true;
}

/* A namespace is told from one that took its name by its inode. Those that went are let go at once: our
 * sockets would keep it, and the interfaces in it, alive. */
static void look_for_namespaces(struct node *node)
{
	for (int i = 1; i <= MAX_PODS; i++)
		node->spaces[i].seen = false;
	list_begin();
	DIR *directory = list_in_world(node, "run/netns");
	if (directory && node->directory < 0) {
		char path[32];
		snprintf(path, sizeof path, "/proc/self/fd/%d", dirfd(directory));
		node->directory = inotify_add_watch(notifier, path, IN_CREATE | IN_DELETE | IN_MOVE);
	}
	int count = 0;
	for (struct dirent *entry; directory && count < MAX_PODS && (entry = readdir(directory));) {
		char path[sizeof "run/netns/" + MAX_NAME];
		struct stat status;
		struct space *space = NULL, *unused = NULL;
		if (!is_plain(entry->d_name))
			continue;
		snprintf(path, sizeof path, "run/netns/%s", entry->d_name);
		if (!stat_in_world(node, path, &status))
			continue;
		count++;
		for (int i = 1; i <= MAX_PODS; i++) {
			struct space *candidate = &node->spaces[i];
			if (candidate->used && !strcmp(candidate->pod, entry->d_name))
				space = candidate;
			if (!candidate->used && !unused)
				unused = candidate;
		}
		if (space && space->inode != status.st_ino) {
			detach(space);
			unused = space;
			space = NULL;
		}
		if (space)
			space->seen = true;
		else if (!unused || !attach(node, unused, entry->d_name, status.st_ino))
			continue; /* not mounted yet: the next look finds it */
		list_add("%s=%lu ", entry->d_name, (unsigned long)status.st_ino);
	}
	if (directory)
		closedir(directory);
	for (int i = 1; i <= MAX_PODS; i++)
		if (node->spaces[i].used && !node->spaces[i].seen)
			detach(&node->spaces[i]);
	list_report("namespaces", node, "", &node->namespaces);
}

static void list_setting(const char *name)
{
	char path[160], value[64];
	snprintf(path, sizeof path, "/proc/sys/net/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t length = read(fd, value, sizeof value - 1);
	close(fd);
	if (length <= 0)
		return;
	value[length] = '\0';
	list_add("%s=%.*s ", name, (int)strcspn(value, "\t\n "), value);
}

/* Goes into a namespace; false when it is not the one that was there. */
static bool enter(const struct node *node, const struct space *space)
{
	char why[256];
	struct stat status;
	int ns = open_trusted_netns(node->init, space->pod, why, sizeof why);
	if (ns < 0)
		return false;
	bool entered = fstat(ns, &status) == 0 && status.st_ino == space->inode && setns(ns, CLONE_NEWNET) == 0;
	close(ns);
	return entered;
}

static void leave(void)
{
	if (setns(own_netns, CLONE_NEWNET) != 0)
		die("watch: cannot return to the fabric's namespace");
}

/* Inside the namespace. */
static void look_at_settings(struct node *node, struct space *space)
{
	static const char *const of_namespace[] = {"ipv4/ip_forward", "ipv4/icmp_echo_ignore_all", "ipv4/ip_default_ttl",
		"bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables", "bridge/bridge-nf-call-arptables"};
	static const char *const of_interface[] = {"forwarding", "rp_filter", "proxy_arp", "arp_ignore", "arp_announce",
		"arp_filter", "route_localnet", "accept_local"};
	char name[128];
	list_begin();
	for (size_t i = 0; i < sizeof of_namespace / sizeof *of_namespace; i++)
		list_setting(of_namespace[i]);
	DIR *interfaces = opendir("/proc/sys/net/ipv4/conf");
	for (struct dirent *entry; interfaces && (entry = readdir(interfaces));) {
		if (*entry->d_name == '.' || !is_plain(entry->d_name))
			continue;
		for (size_t i = 0; i < sizeof of_interface / sizeof *of_interface; i++) {
			snprintf(name, sizeof name, "ipv4/conf/%.32s/%s", entry->d_name, of_interface[i]);
			list_setting(name);
		}
	}
	if (interfaces)
		closedir(interfaces);
	list_report("settings", node, space->pod, &space->settings);
}

static uint64_t hash_of(uint64_t hash, const void *data, size_t length)
{
	/* FNV-1a */
	for (const unsigned char *byte = data; length--; byte++)
		hash = (hash ^ *byte) * 0x100000001b3;
	return hash;
}

/* The table as iptables-legacy reads it, but for the packets that its rules have counted. Zero when it
 * could not be read: the next look reads it. */
static uint64_t hash_of_table(int fd, const char *table)
{
	static char buffer[LEGACY_SIZE];
	struct ipt_getinfo info = {0};
	struct ipt_get_entries *all = (struct ipt_get_entries *)buffer;
	socklen_t length = sizeof info;
	snprintf(info.name, sizeof info.name, "%s", table);
	if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &length) != 0)
		return 0;
	uint64_t hash = hash_of(0xcbf29ce484222325, &info, sizeof info);
	length = sizeof *all + info.size;
	if (length > sizeof buffer)
		return hash; /* how many rules there are will have to do */
	memset(all, 0, sizeof *all);
	snprintf(all->name, sizeof all->name, "%s", table);
	all->size = info.size;
	if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, all, &length) != 0)
		return 0;
	char *entries = buffer + offsetof(struct ipt_get_entries, entrytable);
	for (size_t at = 0; at + sizeof(struct ipt_entry) <= info.size;) {
		struct ipt_entry *entry = (struct ipt_entry *)(entries + at);
		size_t next = entry->next_offset;
		if (next < sizeof *entry || at + next > info.size)
			break;
		memset(&entry->counters, 0, sizeof entry->counters);
		hash = hash_of(hash, entry, next);
		at += next;
	}
	return hash;
}

/* Inside the namespace. Rules of the old iptables make no event. Tables that nobody uses are not even
 * there, so that almost everywhere this opens one file. */
static void look_at_legacy(struct node *node, struct space *space)
{
	char table[XT_TABLE_MAXNAMELEN];
	int fd = -1;
	FILE *names = fopen("/proc/net/ip_tables_names", "re");
	list_begin();
	while (names && fscanf(names, "%31s", table) == 1) {
		if (fd < 0)
			fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
		uint64_t hash = fd < 0 ? 0 : hash_of_table(fd, table);
		if (hash)
			list_add("%s=%llx ", table, (unsigned long long)hash);
	}
	if (names)
		fclose(names);
	if (fd >= 0)
		close(fd);
	list_report("legacy", node, space->pod, &space->legacy);
}

static void look_inside(struct node *node, struct space *space)
{
	/* /proc/sys/net and /proc/net show the namespace of whoever looks. */
	if (!enter(node, space))
		return;
	look_at_settings(node, space);
	look_at_legacy(node, space);
	leave();
}


static void list_file(const struct node *node, const char *path)
{
	struct stat status;
	if (stat_in_world(node, path, &status))
		list_add("/%s=%lu.%ld.%ld.%ld ", path, (unsigned long)status.st_ino, (long)status.st_size,
			(long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

static void look_at_files(struct node *node)
{
	int count = 0;
	list_begin();
	list_file(node, "etc/hosts");
	list_file(node, "etc/resolv.conf");
	DIR *directory = list_in_world(node, "etc/netns");
	for (struct dirent *entry; directory && count < MAX_PODS && (entry = readdir(directory));) {
		static const char *const names[] = {"hosts", "resolv.conf"};
		if (!is_plain(entry->d_name))
			continue;
		count++;
		for (int i = 0; i < 2; i++) {
			char path[sizeof "etc/netns//resolv.conf" + MAX_NAME];
			snprintf(path, sizeof path, "etc/netns/%s/%s", entry->d_name, names[i]);
			list_file(node, path);
		}
	}
	if (directory)
		closedir(directory);
	list_report("files", node, "", &node->files);
}

/* What comes by itself all the time: neighbours found and forgotten by ARP, addresses learnt by a
 * bridge. An entry made by hand bears the number of the socket that asked for it, or is permanent. */
static bool is_noise(const struct nlmsghdr *header)
{
	if (header->nlmsg_type != RTM_NEWNEIGH && header->nlmsg_type != RTM_DELNEIGH)
		return false;
	const struct ndmsg *entry = NLMSG_DATA(header);
	bool lasting = entry->ndm_state & (NUD_PERMANENT | NUD_NOARP);
	return entry->ndm_family == AF_BRIDGE ? !lasting : header->nlmsg_pid == 0;
}

static void print_message(const char *kind, const struct node *node, const struct space *space, const struct nlmsghdr *header)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = (const unsigned char *)header;
	printf("%s\t%s\t%s\t", kind, node->name, space->pod);
	for (size_t i = 0; i < header->nlmsg_len; i++) {
		putchar(digits[bytes[i] >> 4]);
		putchar(digits[bytes[i] & 15]);
	}
	putchar('\n');
}

static void hear(struct node *node, struct space *space, int fd, const char *kind)
{
	static char buffer[MESSAGE_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool settings_changed = false;
	for (;;) {
		ssize_t length = recv(fd, buffer, sizeof buffer, 0);
		if (length < 0 && errno == ENOBUFS) {
			printf("overflow\t%s\t%s\t\n", node->name, space->pod);
			ask_for_all(space->route, RTM_GETLINK);
			continue;
		}
		if (length <= 0)
			break;
		for (struct nlmsghdr *header = (struct nlmsghdr *)buffer; NLMSG_OK(header, length); header = NLMSG_NEXT(header, length)) {
			if (header->nlmsg_type == NLMSG_DONE && header->nlmsg_seq == RTM_GETLINK)
				ask_for_all(fd, RTM_GETNEIGH);
			if (header->nlmsg_type < NLMSG_MIN_TYPE)
				continue;
			if (fd == space->route && header->nlmsg_type == RTM_NEWNETCONF)
				settings_changed = true;
			else if (fd != space->route || !is_noise(header))
				print_message(kind, node, space, header);
		}
	}
	if (settings_changed)
		look_inside(node, space);
}

static void look(struct node *node)
{
	look_for_namespaces(node);
	for (int i = 0; i <= MAX_PODS; i++)
		if (node->spaces[i].used)
			look_inside(node, &node->spaces[i]);
	look_at_files(node);
}

static void begin(struct node *node, const char *argument)
{
	char path[64];
	const char *pid = strchr(argument, '=');
	if (!pid) {
		errno = 0;
		die("watch: wanted NODE=INIT, found '%s'", argument);
	}
	*node = (struct node){.name = strndup(argument, pid - argument), .init = atoi(pid + 1), .process = -1, .root = -1, .directory = -1};
	for (int i = 0; i <= MAX_PODS; i++)
		node->spaces[i].route = node->spaces[i].rules = -1;
	node->world = find_world(node->init);
	snprintf(path, sizeof path, "/proc/%d/root", (int)node->world);
	node->process = node->world < 0 ? -1 : syscall(SYS_pidfd_open, node->world, 0);
	node->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (node->process < 0 || node->root < 0 || !attach(node, &node->spaces[0], "", 0)) {
		printf("gone\t%s\t\t\n", node->name);
		fflush(stdout);
		exit(1);
	}
	look(node);
}

static long milliseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int run_watch(int argc, char **argv)
{
	static struct pollfd fds[1 + MAX_NODES * (3 + 2 * MAX_PODS)];
	static struct {
		struct node *node;
		struct space *space;
	} owners[sizeof fds / sizeof *fds];

	own_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	notifier = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	for (int i = 1; i < argc && node_count < MAX_NODES; i++)
		begin(&nodes[node_count++], argv[i]);

	for (long next_look = milliseconds() + LOOK_MS;;) {
		fflush(stdout);
		int count = 0;
		fds[count++] = (struct pollfd){notifier, POLLIN, 0};
		for (struct node *node = nodes; node < nodes + node_count; node++) {
			owners[count].node = node;
			owners[count].space = NULL;
			fds[count++] = (struct pollfd){node->process, POLLIN, 0};
			for (struct space *space = node->spaces; space <= node->spaces + MAX_PODS; space++)
				for (int i = 0; space->used && i < 2; i++) {
					owners[count].node = node;
					owners[count].space = space;
					fds[count++] = (struct pollfd){i ? space->rules : space->route, POLLIN, 0};
				}
		}
		long wait = next_look - milliseconds();
		if (poll(fds, count, wait < 0 ? 0 : wait) < 0)
			continue;

		for (int i = 1; i < count; i++) {
			struct space *space = owners[i].space;
			if (!fds[i].revents)
				continue;
			if (!space) {
				printf("gone\t%s\t\t\n", owners[i].node->name);
				fflush(stdout);
				return 0;
			}
			hear(owners[i].node, space, fds[i].fd, fds[i].fd == space->route ? "route" : "rules");
		}
		bool directory_changed = false;
		char events[4096];
		while (read(notifier, events, sizeof events) > 0)
			directory_changed = true;
		bool due = milliseconds() >= next_look;
		for (int i = 0; i < node_count; i++) {
			if (due)
				look(&nodes[i]);
			else if (directory_changed)
				look_for_namespaces(&nodes[i]);
		}
		if (due)
			next_look = milliseconds() + LOOK_MS;
	}
}
