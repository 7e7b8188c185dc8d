/* The parts of the agent share these few declarations. */
#ifndef PODWIRE_AGENT_H
#define PODWIRE_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The first host uid (and gid) of a node's user namespace; the image's files are owned by it. */
#define WORLD_FIRST_ID 100000
#define WORLD_ID_COUNT 65536

/* Abstract socket on which a node's init takes requests, in the container's own network namespace.
 * The learner's world has another network namespace, so nobody in it can connect. */
#define INIT_SOCKET "podwire-init"

/* A command with its environment, as it travels from the session to an init. */
struct command {
	char *pod; /* "" for the node itself */
	char **argv;
	char **env;
	char *storage; /* what the pointers point into */
};

/* main.c: does what the arguments say; argv[0] is the program's own path */
#define AGENT "/usr/lib/podwire/agent"
int run_role(int argc, char **argv);

/* errors.c: prints the reason and errno, exits 125 */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

/* command.c: a command packed as NUL-terminated strings: pod, argc, argv..., env... */
bool parse_command(const char *bytes, size_t length, struct command *out);
void free_command(struct command *command);

/* namespaces.c */
pid_t find_world(pid_t container_init);
int open_container_netns(pid_t container_init);
int open_trusted_netns(pid_t container_init, const char *pod, char *why, size_t why_size);
void become_owner(void);
void enter_world(pid_t world);

/* world.c */
void raise_loopback(void);
int run_init(int argc, char **argv);

/* session.c */
int run_session(int argc, char **argv);

/* enter.c */
int run_enter(int argc, char **argv);

/* watch.c */
int run_watch(int argc, char **argv);

/* capture.c */
int run_capture(int argc, char **argv);

/* serve.c, ask.c */
enum { CHALLENGE_LENGTH = 16, SEAL_SIZE = 17 };
void seal_answer(char seal[SEAL_SIZE], const char *secret, const char *challenge, const char *line);
int run_serve(int argc, char **argv);
int run_ask(int argc, char **argv);
long now_ms(void);
int pending_error(int fd);
bool bind_some_port(int fd);
const char *outcome_of(int code, bool local);

/* serve.c: a random word, as challenges are, and the one with which the servers that stand seal their answers; only the
 * fabric can read that */
enum { WORD_SIZE = CHALLENGE_LENGTH + 1 };
void make_word(char word[WORD_SIZE]);
void read_sealing_secret(char secret[WORD_SIZE]);

/* apps.c, sample.c */
#define SEAL_MARK " seal "
int run_apps(int argc, char **argv);
int run_sample(int argc, char **argv);

/* forget.c: the flows from the ports of `from` on, as many as `count`, in the nodes of these inits (up to a null pointer) */
struct sockaddr_in;
void forget_flows(uint8_t protocol, struct sockaddr_in from, const struct sockaddr_in *to, int count, char **inits);
int run_forget(int argc, char **argv);

/* read.c */
int run_read(int argc, char **argv);

#endif
