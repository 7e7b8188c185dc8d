/* The fabric's multiplexer: one long-lived session through which the harness runs every probe.
 *
 * A `docker exec` costs some 60 ms, a command in an open session one or two. Frames travel both ways
 * on stdin and stdout: a header of three little-endian 32-bit numbers (payload length, job, type),
 * then the payload. Jobs are numbered by the harness and run in parallel.
 *
 *   to here    RUN    place, container init's pid, then a packed command (command.c); places are
 *                     'f' the fabric itself, 'n' the fabric's programs in a node's or pod's network
 *                     namespace, 'w' the learner's programs in the node's world; with a '!' behind it the
 *                     command gets the processor before those without
 *              INPUT  bytes for the job's stdin, none: end of input
 *              KILL   end the job
 *              NODE   container init's pid, then a request to it ('n', 'm...', 'q': world.c)
 *   from here  OUTPUT, ERRORS  bytes;  EXIT  status (128 + signal);  REFUSED  why it did not start;
 *              ANSWER  a node's answer
 *
 * A learner's command may leave servers running that write to its output. They would die of SIGPIPE if it
 * were closed with the command; so it is read for as long as they write with measure, and thrown away.
 *
 * When the harness dies, stdin ends, and with it every job: nothing of a probe outlives it. */
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
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUN = 1, INPUT, KILL, NODE, OUTPUT = 16, ERRORS, EXIT, REFUSED, ANSWER };
enum { MAX_JOBS = 512, MAX_PAYLOAD = 1 << 18, CHUNK = 1 << 16 };
enum { BEHIND_SERVERS = 10, AHEAD_OF_OTHERS = 5 };
enum { MAX_LEFT_WRITING = 128, MAX_THROWN_AWAY = 1 << 20 };

struct header {
	uint32_t length, job, type;
};

struct job {
	bool used;
	uint32_t id;
	pid_t pid;      /* a process of ours, or 0 */
	int connection; /* to a node's init, or -1 */
	int input, output, errors;
	char *pending; /* input not yet taken by the job */
	size_t pending_length;
	bool input_ended;
	bool ended; /* its command has; what it left running may still write */
	size_t thrown_away;
};

static struct job jobs[MAX_JOBS];
static int own_netns;
static int left_writing;

static void write_all(const void *bytes, size_t length)
{
	for (const char *at = bytes; length > 0;) {
		ssize_t written = write(STDOUT_FILENO, at, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			exit(0); /* the harness is gone */
		at += written;
		length -= written;
	}
}

static void send_frame(uint32_t job, uint32_t type, const void *payload, size_t length)
{
	struct header header = {length, job, type};
	write_all(&header, sizeof header);
	write_all(payload, length);
}

static void refuse(uint32_t job, const char *why)
{
	send_frame(job, REFUSED, why, strlen(why));
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Forwards what can be read now; false at the end of the stream. */
static bool forward(struct job *job, int fd, uint32_t type)
{
	char chunk[CHUNK];
	ssize_t length = read(fd, chunk, sizeof chunk);
	if (length > 0)
		send_frame(job->id, type, chunk, length);
	return length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR));
}

/* What a finished job wrote before it ended is still in its pipes. A background process of it may keep a pipe
 * open, and fill it as fast as it is emptied: what comes after this moment does not hold the job back. */
static void drain(struct job *job, int fd, uint32_t type)
{
	int left = 0;
	if (fd < 0 || ioctl(fd, FIONREAD, &left) != 0)
		return;
	while (left > 0) {
		char chunk[CHUNK];
		ssize_t length = read(fd, chunk, left < CHUNK ? left : CHUNK);
		if (length <= 0)
			return;
		send_frame(job->id, type, chunk, length);
		left -= length;
	}
}

/* Closes the output of a job that has ended. */
static void let_go(struct job *job)
{
	close_fd(&job->output);
	close_fd(&job->errors);
	job->used = false;
	left_writing--;
}

/* What a command's own background processes write after its end. */
static void throw_away(struct job *job, int *fd)
{
	char chunk[CHUNK];
	ssize_t length = read(*fd, chunk, sizeof chunk);
	if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
		close_fd(fd);
	if (length > 0)
		job->thrown_away += length;
	if (job->thrown_away > MAX_THROWN_AWAY || (job->output < 0 && job->errors < 0))
		let_go(job);
}

static void finish(struct job *job, int32_t status)
{
	drain(job, job->output, OUTPUT);
	drain(job, job->errors, ERRORS);
	send_frame(job->id, EXIT, &status, sizeof status);
	bool learners = job->connection >= 0;
	close_fd(&job->input);
	close_fd(&job->connection);
	free(job->pending);
	job->pending = NULL;
	job->pending_length = 0;
	job->ended = true;
	job->pid = 0;
	left_writing++;
	if (!learners || left_writing > MAX_LEFT_WRITING)
		let_go(job);
}

static struct job *find_job(uint32_t id)
{
	for (int i = 0; i < MAX_JOBS; i++)
		if (jobs[i].used && !jobs[i].ended && jobs[i].id == id)
			return &jobs[i];
	return NULL;
}

static void feed(struct job *job)
{
	while (job->input >= 0 && job->pending_length > 0) {
		ssize_t written = write(job->input, job->pending, job->pending_length);
		if (written < 0 && errno == EAGAIN)
			return;
		if (written < 0) {
			job->pending_length = 0;
			close_fd(&job->input);
			return;
		}
		job->pending_length -= written;
		memmove(job->pending, job->pending + written, job->pending_length);
	}
	if (job->input_ended)
		close_fd(&job->input);
}

static void take_input(struct job *job, const char *bytes, size_t length)
{
	if (length == 0) {
		job->input_ended = true;
	} else {
		char *grown = realloc(job->pending, job->pending_length + length);
		if (!grown)
			return;
		memcpy(grown + job->pending_length, bytes, length);
		job->pending = grown;
		job->pending_length += length;
	}
	feed(job);
}

/* A socket keeps the network namespace it was made in: this is how the fabric reaches a node's init. */
static int connect_to_init(pid_t container_init, char *why, size_t why_size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	memcpy(address.sun_path + 1, INIT_SOCKET, strlen(INIT_SOCKET));
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(INIT_SOCKET);

	int netns = open_container_netns(container_init);
	int fd = -1;
	if (netns >= 0 && setns(netns, CLONE_NEWNET) == 0) {
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, (struct sockaddr *)&address, length) != 0)
			close_fd(&fd);
	}
	if (fd < 0) {
		/* A container that was just started: its init does not listen yet. */
		const char *reason = netns >= 0 && errno == ECONNREFUSED ? "node-starting" : "node-gone";
		snprintf(why, why_size, "%s: cannot reach the node's init: %s", reason, strerror(errno));
	}
	if (netns >= 0)
		close(netns);
	if (setns(own_netns, CLONE_NEWNET) != 0)
		die("cannot return to the fabric's namespace");
	return fd;
}

static bool send_with_stdio(int connection, const char *bytes, size_t length, const int stdio[3])
{
	char *text = malloc(length + 1);
	char control[CMSG_SPACE(3 * sizeof(int))] = {0};
	if (!text)
		return false;
	text[0] = 'r';
	memcpy(text + 1, bytes, length);
	struct iovec part = {text, length + 1};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(3 * sizeof(int));
	memcpy(CMSG_DATA(rights), stdio, 3 * sizeof(int));
	bool sent = sendmsg(connection, &header, MSG_NOSIGNAL) == (ssize_t)(length + 1);
	free(text);
	return sent;
}

/* A silence has to be the network's, and not that of a server which waits for the processor behind those who ask it. */
static bool serves(const struct command *command)
{
	const char *role = command->argv[1];
	return !strcmp(command->argv[0], AGENT) && role && (!strcmp(role, "apps") || !strcmp(role, "serve"));
}

__attribute__((noreturn)) static void run_probe(const struct command *command, int netns, bool ahead, const int stdio[3])
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 3; i++)
		dup2(stdio[i], i);
	if (netns >= 0 && setns(netns, CLONE_NEWNET) != 0)
		die("cannot enter the network namespace");
	syscall(SYS_close_range, 3, ~0U, 0);
	if (!serves(command))
		setpriority(PRIO_PROCESS, 0, ahead ? AHEAD_OF_OTHERS : BEHIND_SERVERS);
	if (command->env[0])
		environ = command->env;
	/* This program is what runs already. To start it anew costs half a millisecond in a virtual machine, where the C
	 * library asks the processor for its caches, and each question leaves the machine. */
	if (!strcmp(command->argv[0], AGENT)) {
		int argc = 0;
		while (command->argv[argc])
			argc++;
		exit(run_role(argc, command->argv));
	}
	execvp(command->argv[0], command->argv);
	die("%s", command->argv[0]);
}

static void start_job(uint32_t id, const char *payload, size_t length)
{
	char why[256] = "";
	size_t place_end = strnlen(payload, length) + 1;
	size_t pid_end = place_end < length ? place_end + strnlen(payload + place_end, length - place_end) + 1 : length + 1;
	struct job *job = NULL;
	struct command command;
	for (int i = 0; i < MAX_JOBS && !job; i++)
		if (!jobs[i].used)
			job = &jobs[i];
	if (!job || pid_end >= length || !parse_command(payload + pid_end, length - pid_end, &command)) {
		refuse(id, job ? "malformed: the request cannot be read" : "busy: too many jobs at once");
		return;
	}
	char place = payload[0];
	bool ahead = payload[0] && payload[1] == '!';
	pid_t container_init = strtol(payload + place_end, NULL, 10);

	*job = (struct job){.id = id, .connection = -1, .input = -1, .output = -1, .errors = -1};
	int netns = -1, input[2], output[2], errors[2];
	if (place == 'n')
		netns = open_trusted_netns(container_init, command.pod, why, sizeof why);
	else if (place == 'w')
		job->connection = connect_to_init(container_init, why, sizeof why);
	if ((place == 'n' && netns < 0) || (place == 'w' && job->connection < 0)) {
		refuse(id, why);
		free_command(&command);
		return;
	}
	if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0)
		die("pipe");
	int stdio[3] = {input[0], output[1], errors[1]};
	bool started = true;
	if (place == 'w') {
		started = send_with_stdio(job->connection, payload + pid_end, length - pid_end, stdio);
	} else {
		job->pid = fork();
		if (job->pid == 0)
			run_probe(&command, netns, ahead, stdio);
		started = job->pid > 0;
	}
	free_command(&command);
	if (netns >= 0)
		close(netns);
	for (int i = 0; i < 3; i++)
		close(stdio[i]);
	job->input = input[1];
	job->output = output[0];
	job->errors = errors[0];
	if (!started) {
		close_fd(&job->input);
		close_fd(&job->output);
		close_fd(&job->errors);
		close_fd(&job->connection);
		refuse(id, "unstartable: the process could not be started");
		return;
	}
	fcntl(job->input, F_SETFL, O_NONBLOCK);
	fcntl(job->output, F_SETFL, O_NONBLOCK);
	fcntl(job->errors, F_SETFL, O_NONBLOCK);
	job->used = true;
}

static void ask_node(uint32_t id, const char *payload, size_t length)
{
	char why[256] = "", answer[4096];
	size_t pid_end = strnlen(payload, length) + 1;
	if (pid_end >= length) {
		refuse(id, "malformed: the request cannot be read");
		return;
	}
	int connection = connect_to_init(strtol(payload, NULL, 10), why, sizeof why);
	if (connection < 0) {
		refuse(id, why);
		return;
	}
	ssize_t got = -1;
	if (send(connection, payload + pid_end, length - pid_end, MSG_NOSIGNAL) > 0)
		got = recv(connection, answer, sizeof answer, 0);
	close(connection);
	if (got < 0)
		refuse(id, "node-gone: the node's init did not answer");
	else
		send_frame(id, ANSWER, answer, got);
}

static void kill_job(struct job *job)
{
	if (job->pid > 0)
		kill(-job->pid, SIGKILL);
	else
		close_fd(&job->connection);
}

static void handle(const struct header *header, const char *payload)
{
	struct job *job = find_job(header->job);
	if (header->type == RUN)
		start_job(header->job, payload, header->length);
	else if (header->type == NODE)
		ask_node(header->job, payload, header->length);
	else if (header->type == INPUT && job)
		take_input(job, payload, header->length);
	else if (header->type == KILL && job) {
		kill_job(job);
		if (job->pid == 0)
			finish(job, 128 + SIGKILL);
	}
}

/* Collects whole frames from stdin; false when the harness is gone. */
static bool read_requests(void)
{
	static char buffer[sizeof(struct header) + MAX_PAYLOAD];
	static size_t filled;
	ssize_t got = read(STDIN_FILENO, buffer + filled, sizeof buffer - filled);
	if (got <= 0)
		return got < 0 && (errno == EINTR || errno == EAGAIN);
	filled += got;
	for (;;) {
		struct header header;
		if (filled < sizeof header)
			return true;
		memcpy(&header, buffer, sizeof header);
		if (header.length > MAX_PAYLOAD) {
			errno = 0;
			die("session: a frame of %u bytes is longer than %d", header.length, MAX_PAYLOAD);
		}
		size_t whole = sizeof header + header.length;
		if (filled < whole)
			return true;
		handle(&header, buffer + sizeof header);
		filled -= whole;
		memmove(buffer, buffer + whole, filled);
	}
}

static void collect_children(void)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < MAX_JOBS; i++)
			if (jobs[i].used && !jobs[i].ended && jobs[i].pid == pid)
				finish(&jobs[i], WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

int run_session(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signal(SIGPIPE, SIG_IGN);
	int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	own_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	for (;;) {
		static struct pollfd fds[2 + 4 * MAX_JOBS];
		static struct job *owners[2 + 4 * MAX_JOBS];
		int count = 2;
		fds[0] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
		fds[1] = (struct pollfd){signals, POLLIN, 0};
		for (int i = 0; i < MAX_JOBS; i++) {
			struct job *job = &jobs[i];
			if (!job->used)
				continue;
			int watched[] = {job->output, job->errors, job->connection, job->pending_length ? job->input : -1};
			for (int k = 0; k < 4; k++)
				if (watched[k] >= 0) {
					owners[count] = job;
					fds[count++] = (struct pollfd){watched[k], k == 3 ? POLLOUT : POLLIN, 0};
				}
		}
		if (poll(fds, count, -1) < 0)
			continue;

		for (int i = 2; i < count; i++) {
			struct job *job = owners[i];
			if (!fds[i].revents || !job->used)
				continue;
			if (job->ended) {
				throw_away(job, fds[i].fd == job->output ? &job->output : &job->errors);
			} else if (fds[i].fd == job->output) {
				if (!forward(job, job->output, OUTPUT))
					close_fd(&job->output);
			} else if (fds[i].fd == job->errors) {
				if (!forward(job, job->errors, ERRORS))
					close_fd(&job->errors);
			} else if (fds[i].fd == job->input) {
				feed(job);
			} else if (fds[i].fd == job->connection) {
				int32_t status = 125;
				if (recv(job->connection, &status, sizeof status, 0) != sizeof status)
					status = 128 + SIGKILL; /* the node ended under the command */
				finish(job, status);
			}
		}
		if (fds[1].revents) {
			struct signalfd_siginfo info;
			while (read(signals, &info, sizeof info) == sizeof info)
				;
			collect_children();
		}
		if (fds[0].revents && !read_requests())
			break;
	}
	for (int i = 0; i < MAX_JOBS; i++)
		if (jobs[i].used && !jobs[i].ended)
			kill_job(&jobs[i]);
	return 0;
}
