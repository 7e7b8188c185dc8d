/* The init of a node container, and the learner's world it keeps.
 *
 * The container's own namespaces belong to the harness. The learner lives one level further in: a user
 * namespace mapped to unprivileged ids, with its own network, mount, pid, uts, ipc and cgroup
 * namespaces and a file system whose changes lie in a tmpfs of bounded size (man 7 user_namespaces).
 *
 * Requests come from the fabric over an abstract socket, one connection each, as one SOCK_SEQPACKET
 * message whose first byte says what is wanted:
 *   'r' run a command in the world; three file descriptors (stdin, stdout, stderr) come along; the
 *       answer is its wait status, and closing the connection kills it
 *   'n' a new world in place of the old one; the answer is one zero
 *   'm' remember the bytes that follow; 'q' returns them. The memory dies with the container, which is
 *       how a restarted node is told from a wired one. */
#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_RUNS 256
#define MAX_MESSAGE (1 << 18)
#define WORLD "/world"

struct run {
	pid_t pid; /* 0: free */
	int connection;
};

static struct run runs[MAX_RUNS];
static char memory[256];
static size_t memory_length;
static char message[MAX_MESSAGE];

static void make_directory(const char *path, uid_t owner)
{
	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		die("cannot make %s", path);
	if (chown(path, owner, owner) != 0)
		die("cannot own %s", path);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("cannot write %s", path);
	close(fd);
}

static void bind_mount(const char *from, const char *to)
{
	if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) != 0)
		die("cannot bind %s", from);
}

/* An overlay over the image whose upper layer is a tmpfs: a learner's files are bounded in size and
 * gone with the world. The image's own layer stays read-only. */
static void mount_world(const char *size)
{
	char options[64];
	snprintf(options, sizeof options, "size=%s,nr_inodes=32k,mode=755", size);
	if (mount("podwire", WORLD, "tmpfs", MS_NOSUID | MS_NODEV, options) != 0)
		die("cannot mount the world's tmpfs");
	make_directory(WORLD "/upper", WORLD_FIRST_ID);
	make_directory(WORLD "/work", 0);
	make_directory(WORLD "/root", WORLD_FIRST_ID);
	if (mount("podwire", WORLD "/root", "overlay", 0, "lowerdir=/,upperdir=" WORLD "/upper,workdir=" WORLD "/work") != 0)
		die("cannot mount the world's overlay");
	/* Docker's own layer leaves /etc and these files to the container's root. */
	make_directory(WORLD "/root/etc", WORLD_FIRST_ID);
	static const char *const foreign[] = {"etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab", ".dockerenv"};
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		char path[64];
		snprintf(path, sizeof path, WORLD "/root/%s", foreign[i]);
		if (unlink(path) != 0 && errno != ENOENT)
			die("cannot remove %s", path);
	}
	/* Where the node was given TUN, its root may use it: the devices it makes are its own namespace's. */
	if (chmod("/dev/net/tun", 0666) != 0 && errno != ENOENT && errno != ENOTDIR)
		die("cannot open up /dev/net/tun");
	bind_mount("/dev", WORLD "/root/dev");
	bind_mount("/sys", WORLD "/root/sys");
	/* A new proc may be mounted in a user namespace only where a full one is already visible. */
	bind_mount("/proc", WORLD "/root/proc");
}

static void unmount_world(void)
{
	umount2(WORLD "/root", MNT_DETACH);
	umount2(WORLD, MNT_DETACH);
}

void raise_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		die("cannot read lo");
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) != 0)
		die("cannot set lo up");
	close(fd);
}

/* Makes DIRECTORY the root of this mount namespace. Docker's seccomp profile knows neither pivot_root
 * nor, without CAP_SYS_CHROOT, chroot; but entering a mount namespace, even one's own, puts the process
 * on whatever is mounted on top of its root (man 2 setns, mntns_install() in fs/namespace.c). */
static void become_root(const char *directory)
{
	/* Mounts copied into a new user namespace are locked; a bind of the directory onto itself is not. */
	bind_mount(directory, directory);
	int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (own < 0 || mount(directory, "/", NULL, MS_MOVE, NULL) != 0 || setns(own, CLONE_NEWNS) != 0 || chdir("/") != 0)
		die("cannot change root into the world");
	close(own);
}

/* A sysfs shows the interfaces of the network namespace that it was mounted in (man 5 sysfs, /sys/class/net), so the
 * world needs its own; the container's stays where the kernel allows none. It may be writable only where a writable
 * one is already visible (mnt_already_visible() in fs/namespace.c). What is not of the world's own interfaces belongs
 * to the host's root in it, and that is nobody here. */
static void mount_sysfs(void)
{
	if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
		mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
}

/* Runs as PID 1 of the world, in all its namespaces. `mapped` yields a byte when the ids are mapped;
 * a byte is written to `stands` when all is set up, and it is closed by the exec. Errors go to the container's log. */
__attribute__((noreturn)) static void begin_world(const char *name, int mapped, int stands)
{
	enum { STANDS = 3 };
	char byte, text[256];
	if (read(mapped, &byte, 1) != 1)
		die("the init went away");
	/* Nothing of the init's may stay open in a process that the learner can look into. */
	if (dup2(stands, STANDS) < 0 || fcntl(STANDS, F_SETFD, FD_CLOEXEC) != 0)
		die("dup2");
	syscall(SYS_close_range, STANDS + 1, ~0U, 0);

	if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
		die("cannot become root of the world");
	if (sethostname(name, strlen(name)) != 0)
		die("cannot set the hostname");

	become_root(WORLD "/root");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
		die("cannot mount the world's proc");
	mount_sysfs();
	if (mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "size=8m,nr_inodes=8k,mode=755") != 0)
		die("cannot mount /run");
	if (mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,nr_inodes=8k,mode=1777") != 0)
		die("cannot mount /dev/shm");
	if (mount("mqueue", "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
		die("cannot mount /dev/mqueue");
	if (mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL) != 0)
		die("cannot share the world's mounts");
	snprintf(text, sizeof text, "%s\n", name);
	write_file("/etc/hostname", text);
	snprintf(text, sizeof text, "127.0.0.1 localhost\n127.0.1.1 %s\n", name);
	write_file("/etc/hosts", text);
	write_file("/etc/resolv.conf", "");
	if (symlink("/proc/mounts", "/etc/mtab") != 0)
		die("cannot link /etc/mtab");
	raise_loopback();

	if (write(STANDS, "", 1) != 1)
		die("the init went away");
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
	execl("/usr/lib/podwire/agent", "init", "reap", (char *)NULL);
	_exit(125);
}

static void map_ids(pid_t child)
{
	char path[64], text[64];
	snprintf(text, sizeof text, "0 %d %d\n", WORLD_FIRST_ID, WORLD_ID_COUNT);
	static const char *const maps[] = {"uid_map", "gid_map"};
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "/proc/%d/%s", (int)child, maps[i]);
		int fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
			die("cannot write %s of the world", maps[i]);
		close(fd);
	}
}

/* Makes the world and returns its first process once everything in it stands. */
static pid_t start_world(const char *name, const char *size)
{
	int go[2], stands[2];
	mount_world(size);
	if (pipe2(go, O_CLOEXEC) != 0 || pipe2(stands, O_CLOEXEC) != 0)
		die("pipe");
	pid_t child = syscall(SYS_clone,
		SIGCHLD | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP,
		NULL, NULL, NULL, NULL);
	if (child < 0)
		die("cannot make the namespaces of the world (does this host allow user namespaces?)");
	if (child == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		begin_world(name, go[0], stands[1]);
	}
	close(go[0]);
	close(stands[1]);
	map_ids(child);
	if (write(go[1], "", 1) != 1)
		die("the world went away");
	close(go[1]);
	char byte;
	if (read(stands[0], &byte, 1) != 1)
		die("the world could not be set up");
	/* Who has changed its ids cannot be looked into by us, nor its namespaces be opened, until it has begun another
	 * program (man 2 ptrace, PTRACE_MODE_READ and dumpable). */
	if (read(stands[0], &byte, 1) != 0)
		die("the world's first process did not begin");
	close(stands[0]);
	return child;
}

/* Enters the pod's namespace by the learner's own tools: this is the learner's command. */
__attribute__((noreturn)) static void exec_command(const struct command *command)
{
	char **argv = command->argv;
	if (*command->pod) {
		int count = 0;
		while (argv[count])
			count++;
		char **inside = calloc(count + 3, sizeof *inside);
		inside[0] = "/usr/lib/podwire/in-pod";
		inside[1] = command->pod;
		memcpy(inside + 2, argv, count * sizeof *inside);
		argv = inside;
	}
	environ = command->env;
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Starts a command in the world. The process returned waits outside, where the learner cannot see it,
 * and ends as the command ends. */
static pid_t start_run(pid_t world, const struct command *command, const int stdio[3])
{
	pid_t waiter = fork();
	if (waiter != 0)
		return waiter;

	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 3; i++)
		dup2(stdio[i], i);
	syscall(SYS_close_range, 3, ~0U, 0);
	enter_world(world);

	pid_t child = fork();
	if (child < 0)
		die("cannot start %s", command->argv[0]);
	if (child == 0) {
		setsid();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exec_command(command);
	}
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	int status;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		_exit(128 + WTERMSIG(status));
	_exit(WEXITSTATUS(status));
}

static void answer(int connection, const void *bytes, size_t length)
{
	if (send(connection, bytes, length, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		perror("podwire-agent: answer");
}

static void finish_run(struct run *run, int status)
{
	int32_t code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	answer(run->connection, &code, sizeof code);
	close(run->connection);
	run->pid = 0;
}

static void end_child(pid_t pid, int status)
{
	for (int i = 0; i < MAX_RUNS; i++)
		if (runs[i].pid == pid)
			finish_run(&runs[i], status);
}

/* The first process of a pid namespace ends after every other in it has been reaped, and those whose
 * waiter was killed are ours to reap. */
static void end_world(pid_t world)
{
	int status;
	pid_t pid;
	kill(world, SIGKILL);
	while ((pid = waitpid(-1, &status, 0)) != world)
		if (pid > 0)
			end_child(pid, status);
		else if (errno != EINTR)
			die("cannot wait for the world");
	unmount_world();
}

static void accept_run(pid_t world, int connection, size_t length, const int stdio[3])
{
	struct command command;
	struct run *slot = NULL;
	for (int i = 0; i < MAX_RUNS && !slot; i++)
		if (runs[i].pid == 0)
			slot = &runs[i];
	int32_t refused = 125;
	if (!slot || !parse_command(message + 1, length - 1, &command)) {
		answer(connection, &refused, sizeof refused);
		close(connection);
		return;
	}
	pid_t pid = start_run(world, &command, stdio);
	free_command(&command);
	if (pid < 0) {
		/* The node is at its limit of processes: the learner's doing, reported as a failed command. */
		dprintf(stdio[2], "cannot start a process: %s\n", strerror(errno));
		answer(connection, &refused, sizeof refused);
		close(connection);
		return;
	}
	slot->pid = pid;
	slot->connection = connection;
}

/* Receives one request with its descriptors; returns the length, or -1. */
static ssize_t receive(int connection, int stdio[3])
{
	char control[CMSG_SPACE(3 * sizeof(int))];
	struct iovec part = {message, sizeof message};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	ssize_t length = recvmsg(connection, &header, MSG_CMSG_CLOEXEC);
	if (length <= 0 || header.msg_flags & MSG_TRUNC)
		return -1;
	struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
	if (rights && rights->cmsg_type == SCM_RIGHTS && rights->cmsg_len == CMSG_LEN(3 * sizeof(int)))
		memcpy(stdio, CMSG_DATA(rights), 3 * sizeof(int));
	return length;
}

static int listen_for_requests(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path + 1, INIT_SOCKET, strlen(INIT_SOCKET));
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(INIT_SOCKET)) != 0 || listen(fd, 64) != 0)
		die("cannot listen for requests");
	return fd;
}

int run_init(int argc, char **argv)
{
	if (argc < 3) {
		errno = 0;
		die("init: wanted NAME and SIZE");
	}
	const char *name = argv[1], *size = argv[2];

	sigset_t handled;
	sigemptyset(&handled);
	sigaddset(&handled, SIGCHLD);
	sigaddset(&handled, SIGTERM);
	sigaddset(&handled, SIGINT);
	sigprocmask(SIG_BLOCK, &handled, NULL);
	int signals = signalfd(-1, &handled, SFD_CLOEXEC);

	/* These would outlive a world; each world mounts its own. */
	if (umount2("/dev/shm", MNT_DETACH) != 0 || umount2("/dev/mqueue", MNT_DETACH) != 0)
		die("cannot unmount the container's shared memory");
	mount(NULL, "/sys", NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	become_owner();
	pid_t world = start_world(name, size);
	int listener = listen_for_requests();

	for (;;) {
		struct pollfd fds[2 + MAX_RUNS] = {{signals, POLLIN, 0}, {listener, POLLIN, 0}};
		int watched[MAX_RUNS], count = 0;
		for (int i = 0; i < MAX_RUNS; i++)
			if (runs[i].pid) {
				watched[count] = i;
				fds[2 + count++] = (struct pollfd){runs[i].connection, POLLIN, 0};
			}
		if (poll(fds, 2 + count, -1) < 0)
			continue;

		/* The fabric hung up: whoever asked for the command is gone. */
		for (int i = 0; i < count; i++)
			if (fds[2 + i].revents)
				kill(runs[watched[i]].pid, SIGKILL);

		if (fds[0].revents) {
			struct signalfd_siginfo info;
			if (read(signals, &info, sizeof info) == sizeof info && info.ssi_signo != SIGCHLD)
				return 0;
			int status;
			pid_t pid;
			while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
				if (pid == world) {
					/* The learner ended PID 1 of the world: nothing is left in it. */
					unmount_world();
					return 1;
				}
				end_child(pid, status);
			}
		}

		if (fds[1].revents) {
			int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			int stdio[3] = {-1, -1, -1};
			int32_t zero = 0;
			ssize_t length = connection < 0 ? -1 : receive(connection, stdio);
			char wanted = length > 0 ? message[0] : 0;
			if (wanted == 'r' && stdio[2] >= 0) {
				accept_run(world, connection, length, stdio);
				connection = -1;
			} else if (wanted == 'n') {
				memory_length = 0;
				end_world(world);
				world = start_world(name, size);
				answer(connection, &zero, sizeof zero);
			} else if (wanted == 'm' && (size_t)length - 1 <= sizeof memory) {
				memory_length = length - 1;
				memcpy(memory, message + 1, memory_length);
				answer(connection, &zero, sizeof zero);
			} else if (wanted == 'q') {
				answer(connection, memory, memory_length);
			}
			for (int i = 0; i < 3; i++)
				if (stdio[i] >= 0)
					close(stdio[i]);
			if (connection >= 0)
				close(connection);
		}
	}
}
