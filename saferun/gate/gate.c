/*
 * The gate: the first program of a container.
 *
 *     gate-ARCH ROOT OTHER REQ -- WORD...
 *
 * It reads its own five capability sets and compares them with the mask for its user (ROOT when
 * real, effective and saved uid are all 0, OTHER otherwise; each is 16 lower-case hex digits).
 * Within the mask it becomes WORD..., found and started as the engine itself would have done it.
 * Otherwise, and whenever it cannot see, it says so in one line and exits 126. Where it can tell why
 * a file cannot be executed, it says that in a second line. REQ is `-`, or one or more of
 * `nnp,linger,hold=SECONDS`, in this order: no_new_privs must be set as well; what refuses, or
 * cannot find the command, stays for two seconds, so that whoever started the container in the
 * background still finds the reason when the container would be gone at once (--rm); and what would
 * become the command first waits at the door, until that second of CLOCK_REALTIME at the latest, so
 * that it can be looked at from outside (see `hold`).
 *
 * Nothing that a process executes in its user namespace can hold what is in none of its sets, so
 * one look before the first instruction of the user's command is enough.
 *
 * There is no C library here: an image may have none, and nothing in the environment (LD_PRELOAD,
 * locales, malloc tunables) can steer what is not there. Nothing is allocated, no file stays open,
 * and no failed system call is tried again, so nothing can hang.
 */

#include <stddef.h>
#include <stdint.h>

/* ---- The kernel, without a library ------------------------------------------------------- */

#if defined(__x86_64__) && defined(__LP64__)
enum {
	SYS_read = 0,
	SYS_write = 1,
	SYS_rt_sigprocmask = 14,
	SYS_nanosleep = 35,
	SYS_execve = 59,
	SYS_getresuid = 118,
	SYS_capget = 125,
	SYS_rt_sigtimedwait = 128,
	SYS_fstatfs = 138,
	SYS_prctl = 157,
	SYS_getxattr = 191,
	SYS_clock_gettime = 228,
	SYS_exit_group = 231,
	SYS_openat = 257,
	SYS_newfstatat = 262,
	SYS_faccessat = 269,
	SYS_faccessat2 = 439,
};
struct stat {
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid;
	uint32_t rest[27];
};
__asm__(".section .text.start, \"ax\", @progbits\n"
	".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call gate\n"
	".text\n");

static long kernel(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__LP64__) && (defined(__aarch64__) || defined(__riscv))
enum {
	SYS_getxattr = 8,
	SYS_fstatfs = 44,
	SYS_faccessat = 48,
	SYS_openat = 56,
	SYS_read = 63,
	SYS_write = 64,
	SYS_newfstatat = 79,
	SYS_capget = 90,
	SYS_exit_group = 94,
	SYS_nanosleep = 101,
	SYS_clock_gettime = 113,
	SYS_rt_sigprocmask = 135,
	SYS_rt_sigtimedwait = 137,
	SYS_getresuid = 148,
	SYS_prctl = 167,
	SYS_execve = 221,
	SYS_faccessat2 = 439,
};
struct stat {
	uint64_t dev, ino;
	uint32_t mode, nlink, uid, gid;
	uint32_t rest[24];
};
#ifdef __aarch64__
#define ENTER "	mov x29, #0\n	mov x30, #0\n	mov x0, sp\n	b gate\n"
#define TRAP "svc #0"
#define NUMBER "x8"
#define A "x0"
#define B "x1"
#define C "x2"
#define D "x3"
#define E "x4"
#else
#define ENTER "	mv a0, sp\n	tail gate\n"
#define TRAP "ecall"
#define NUMBER "a7"
#define A "a0"
#define B "a1"
#define C "a2"
#define D "a3"
#define E "a4"
#endif
__asm__(".section .text.start, \"ax\", @progbits\n"
	".globl _start\n"
	"_start:\n" ENTER ".text\n");

static long kernel(long number, long a, long b, long c, long d, long e)
{
	register long n __asm__(NUMBER) = number;
	register long ra __asm__(A) = a;
	register long rb __asm__(B) = b;
	register long rc __asm__(C) = c;
	register long rd __asm__(D) = d;
	register long re __asm__(E) = e;

	__asm__ volatile(TRAP
			 : "+r"(ra)
			 : "r"(n), "r"(rb), "r"(rc), "r"(rd), "r"(re)
			 : "memory");
	return ra;
}
#else
#error "saferun's gate knows 64-bit x86, ARM and RISC-V only"
#endif

/* Compilers call these as they see fit, library or not; volatile keeps them from it in here. */
void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);

void *memcpy(void *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((volatile char *)to)[i] = (char)byte;
	return to;
}

/* From linux/{fcntl,stat,magic,prctl,capability,time}.h, the same everywhere. */
enum {
	AT_FDCWD = -100,
	AT_EACCESS = 0x200,
	X_OK = 1,
	O_RDONLY_CLOEXEC = 02000000,
	O_NONBLOCK = 04000,
	S_IFMT = 0170000,
	S_IFDIR = 0040000,
	S_IFREG = 0100000,
	PROC_SUPER_MAGIC = 0x9fa0,
	PR_CAPBSET_READ = 23,
	PR_GET_NO_NEW_PRIVS = 39,
	PR_CAP_AMBIENT = 47,
	PR_CAP_AMBIENT_IS_SET = 1,
	CAPABILITY_VERSION_3 = 0x20080522,
	CLOCK_REALTIME = 0,
};

/* From asm/signal.h, the same on all three. */
enum {
	SIG_BLOCK = 0,
	SIG_SETMASK = 2,
	SIGHUP = 1,
	SIGINT = 2,
	SIGQUIT = 3,
	SIGTERM = 15,
	/* SIGRTMIN+12 as C libraries count: neither they nor systemd use it, and no image stops by it. */
	RELEASE = 46,
	/* Blocked, but not waited for: says from outside that a process is at the door. */
	AT_THE_DOOR = 47,
};

enum {
	EPERM = 1,
	ENOENT = 2,
	E2BIG = 7,
	ENOEXEC = 8,
	EAGAIN = 11,
	ENOMEM = 12,
	EACCES = 13,
	ENOTDIR = 20,
	EISDIR = 21,
	EINVAL = 22,
	ETXTBSY = 26,
	ENAMETOOLONG = 36,
	ENOSYS = 38,
	ELOOP = 40,
};

/* Exit statuses: the first two as docker and every shell use them. */
enum {
	CANNOT_BE_INVOKED = 126,
	NOT_FOUND = 127,
	/* Found, but refused by execve: as runc's own init ends then (since runc 1.2 with 255). */
	EXEC_FAILED = 1,
};

/* ---- One line on stderr ------------------------------------------------------------------ */

/* PIPE_BUF: what one write keeps together when others write to the same pipe. */
static char line[4096];
static size_t filled;

/* Whether to stay a while after saying why the command is not started. */
static int lingers;

static void put(char byte)
{
	/* The last byte is kept for the newline. */
	if (filled < sizeof line - 1)
		line[filled++] = byte;
}

static void say(const char *text)
{
	while (*text)
		put(*text++);
}

static void say_number(uint32_t number)
{
	if (number > 9)
		say_number(number / 10);
	put((char)('0' + number % 10));
}

/* Someone else's bytes: they must neither break the line nor talk to a terminal. */
static void say_word(const char *word)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; word[i]; i++) {
		unsigned char byte = (unsigned char)word[i];

		if (i == 1024) {
			say("...");
			return;
		}
		if (byte < 0x20 || byte > 0x7e) {
			say("\\x");
			put(hex[byte >> 4]);
			put(hex[byte & 15]);
			continue;
		}
		if (byte == '"' || byte == '\\')
			put('\\');
		put((char)byte);
	}
}

/* As Go, and therefore the engine, calls them. */
static void say_error(int error)
{
	static const struct {
		int error;
		const char *text;
	} known[] = {
		{EPERM, "operation not permitted"},
		{ENOENT, "no such file or directory"},
		{E2BIG, "argument list too long"},
		{ENOEXEC, "exec format error"},
		{EAGAIN, "resource temporarily unavailable"},
		{ENOMEM, "cannot allocate memory"},
		{EACCES, "permission denied"},
		{ENOTDIR, "not a directory"},
		{EISDIR, "is a directory"},
		{EINVAL, "invalid argument"},
		{ETXTBSY, "text file busy"},
		{ENAMETOOLONG, "file name too long"},
		{ELOOP, "too many levels of symbolic links"},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (known[i].error == error) {
			say(known[i].text);
			return;
		}
	}
	say("errno ");
	say_number((uint32_t)error);
}

static _Noreturn void end(int status)
{
	line[filled++] = '\n';
	/* A refusal that nobody can hear is still one. */
	kernel(SYS_write, 2, (long)line, (long)filled, 0, 0);
	if (lingers && status != EXEC_FAILED) {
		/* struct timespec; whatever cuts it short is as good. */
		static const int64_t two_seconds[2] = {2, 0};
		kernel(SYS_nanosleep, (long)two_seconds, 0, 0, 0, 0);
	}
	kernel(SYS_exit_group, status, 0, 0, 0, 0);
	/* Only a seccomp filter gets this far; it cannot keep this from ending the process. */
	__builtin_trap();
}

static _Noreturn void refuse(const char *reason)
{
	say(reason);
	say("; the command was not started");
	end(CANNOT_BE_INVOKED);
}

/* ---- Words ------------------------------------------------------------------------------- */

/* Returns what follows the prefix, or NULL when the text does not begin with it. */
static const char *after(const char *prefix, const char *text)
{
	while (*prefix)
		if (*prefix++ != *text++)
			return NULL;
	return text;
}

static int same(const char *one, const char *other)
{
	const char *rest = after(one, other);

	return rest && !*rest;
}

/* Exactly 16 lower-case hex digits, as the kernel itself writes a set. */
static int read_mask(const char *text, uint64_t *mask)
{
	uint64_t value = 0;

	for (int i = 0; i < 16; i++, text++) {
		if (*text >= '0' && *text <= '9')
			value = value << 4 | (uint64_t)(*text - '0');
		else if (*text >= 'a' && *text <= 'f')
			value = value << 4 | (uint64_t)(*text - 'a' + 10);
		else
			return 0;
	}
	*mask = value;
	return !*text;
}

/* ---- What this process holds ------------------------------------------------------------- */

/* In the order of /proc/PID/status. */
enum { INH, PRM, EFF, BND, AMB, SETS };

static const char set_names[SETS][8] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};

/* By bit, from linux/capability.h. */
static const char *const names[] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
};

struct held {
	uint64_t sets[SETS];
	int no_new_privs; /* 0 or 1; -1 while nobody has said */
};

/*
 * Add the bits of a set that can only be asked for one at a time; the kernel's EINVAL ends them.
 * Returns how many bits there are, or -1 when the kernel is kept from answering.
 */
static int ask_bits(int set, struct held *held)
{
	for (int bit = 0; bit < 64; bit++) {
		long answer = set == BND
				      ? kernel(SYS_prctl, PR_CAPBSET_READ, bit, 0, 0, 0)
				      : kernel(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET,
					       bit, 0, 0);

		if (answer == -EINVAL)
			return bit;
		if (answer != 0 && answer != 1)
			return -1;
		held->sets[set] |= (uint64_t)answer << bit;
	}
	return 64;
}

/* Add what the system calls say. Returns whether they told everything. */
static int ask_kernel(struct held *held)
{
	struct {
		uint32_t version, pid;
	} header = {CAPABILITY_VERSION_3, 0};
	/* Full at first: a seccomp filter that skips capget and reports success is found out. */
	struct {
		uint32_t effective, permitted, inheritable;
	} half[2] = {{~0U, ~0U, ~0U}, {~0U, ~0U, ~0U}};
	long told = kernel(SYS_capget, (long)&header, (long)half, 0, 0, 0);
	long no_new_privs = kernel(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	/* Every kernel has bounding bits; before Linux 4.3 there was no ambient set to be in. */
	int bounding = ask_bits(BND, held) > 0;
	int ambient = ask_bits(AMB, held) >= 0;

	if (no_new_privs == 0 || no_new_privs == 1)
		held->no_new_privs = (int)no_new_privs;
	if (told != 0)
		return 0;
	held->sets[INH] |= (uint64_t)half[1].inheritable << 32 | half[0].inheritable;
	held->sets[PRM] |= (uint64_t)half[1].permitted << 32 | half[0].permitted;
	held->sets[EFF] |= (uint64_t)half[1].effective << 32 | half[0].effective;
	return bounding && ambient;
}

/* Add what one line of /proc/PID/status says. Returns the bit of the set that it tells of. */
static int take_line(const char *text, struct held *held)
{
	const char *value;
	uint64_t mask;

	for (int set = 0; set < SETS; set++) {
		value = after(set_names[set], text);
		if (value && (value = after(":\t", value)) && read_mask(value, &mask)) {
			held->sets[set] |= mask;
			return 1 << set;
		}
	}
	value = after("NoNewPrivs:\t", text);
	/* Where the witnesses disagree, it is not known to be set. */
	if (value && held->no_new_privs != 0)
		held->no_new_privs = same(value, "1");
	return 0;
}

/* Add what /proc/self/status says. Returns whether it told everything. */
static int ask_proc(struct held *held)
{
	char chunk[1024], text[32];
	uint64_t about[16]; /* struct statfs; f_type is its first word */
	size_t length = 0;
	int told = 0;
	long count;
	long file = kernel(SYS_openat, AT_FDCWD, (long)"/proc/self/status", O_RDONLY_CLOEXEC, 0, 0);

	if (file < 0)
		return 0;
	about[0] = 0;
	kernel(SYS_fstatfs, file, (long)about, 0, 0, 0);
	/* A file that an image or a mount put there proves nothing. */
	while (about[0] == PROC_SUPER_MAGIC &&
	       (count = kernel(SYS_read, file, (long)chunk, sizeof chunk, 0, 0)) > 0) {
		for (long i = 0; i < count; i++) {
			if (chunk[i] == '\n') {
				text[length] = '\0';
				told |= take_line(text, held);
				length = 0;
			} else if (length < sizeof text - 1) {
				text[length++] = chunk[i];
			}
		}
	}
	/* The file is closed by execve. */
	return told == (1 << SETS) - 1;
}

/* ---- The verdict ------------------------------------------------------------------------- */

static void say_user(const uint32_t uid[3])
{
	say("saferun: denied: uid ");
	say_number(uid[0]);
	if (uid[0] != uid[1] || uid[0] != uid[2]) {
		put('/');
		say_number(uid[1]);
		put('/');
		say_number(uid[2]);
	}
}

static void say_names(uint64_t mask, const char *before)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		if (!(mask >> bit & 1))
			continue;
		say(before);
		if (bit < sizeof names / sizeof *names) {
			say(names[bit]);
		} else {
			say("CAP_");
			say_number(bit);
		}
	}
}

/* Returns only when this process is within the mask for its user. */
static void judge(uint64_t root, uint64_t other, int needs_no_new_privs)
{
	struct held held = {.no_new_privs = -1};
	uint32_t uid[3] = {~0U, ~0U, ~0U};

	/*
	 * Two witnesses. A bit that either of them saw counts, so a seccomp filter that answers
	 * prctl in the kernel's place gains nothing; one that only forbids is made up for by /proc.
	 */
	int seen = ask_kernel(&held);
	seen |= ask_proc(&held);
	if (!seen)
		refuse("saferun: denied: cannot read the capabilities of this process, neither by "
		       "capget and prctl nor from /proc/self/status");
	if (needs_no_new_privs && held.no_new_privs < 0)
		refuse("saferun: denied: cannot read no_new_privs of this process, neither by "
		       "prctl nor from /proc/self/status");
	if (kernel(SYS_getresuid, (long)&uid[0], (long)&uid[1], (long)&uid[2], 0, 0) != 0)
		refuse("saferun: denied: cannot read the user ids of this process");

	uint64_t mask = uid[0] == 0 && uid[1] == 0 && uid[2] == 0 ? root : other;
	for (int set = 0; set < SETS; set++) {
		uint64_t beyond = held.sets[set] & ~mask;

		if (!beyond)
			continue;
		if (filled) {
			say("; ");
		} else {
			say_user(uid);
			say(" holds capabilities it must not: ");
		}
		say(set_names[set]);
		say_names(beyond, " ");
	}
	if (needs_no_new_privs && !held.no_new_privs) {
		if (filled)
			put(';');
		else
			say_user(uid);
		say(" runs without no_new_privs");
	}
	if (filled)
		refuse("");
}

/* ---- The command, found as runc finds it: Go's exec.LookPath ------------------------------- */

enum { PATH_MAX = 4096 };

static int look(const char *path, struct stat *found)
{
	return (int)-kernel(SYS_newfstatat, AT_FDCWD, (long)path, (long)found, 0, 0);
}

/* Returns 0, or the error number that stands against executing what was found at a path. */
static int executable(const char *path, const struct stat *found)
{
	if ((found->mode & S_IFMT) == S_IFDIR)
		return EISDIR;

	/* By effective ids; before Linux 5.8, and under filters from then, only by real ones. */
	long result = kernel(SYS_faccessat2, AT_FDCWD, (long)path, X_OK, AT_EACCESS, 0);
	if (result == -ENOSYS || result == -EPERM)
		result = kernel(SYS_faccessat, AT_FDCWD, (long)path, X_OK, 0, 0);
	if (result == -ENOSYS || result == -EPERM)
		return found->mode & 0111 ? 0 : EACCES;
	return (int)-result;
}

/* ---- Why a file cannot be executed, on a second line, where that can be told --------------- */

static void hint(const char *path)
{
	say("\nsaferun: hint: ");
	say_word(path);
}

/* A file or directory whose mode lets somebody execute or enter it, but not everybody. */
static void hint_mode(const char *path, const struct stat *found, const char *done)
{
	uint32_t uid[3] = {~0U, ~0U, ~0U};

	/* Open to all or to nobody: then it is not about who this process is. */
	if (found->mode & 1 || !(found->mode & 0110))
		return;
	hint(path);
	say(" may be ");
	say(done);
	say(" only by ");
	if (found->mode & 0100) {
		say("uid ");
		say_number(found->uid);
	}
	if (found->mode & 0010) {
		say(found->mode & 0100 ? " or gid " : "gid ");
		say_number(found->gid);
	}
	say(": chmod o+x in the image, or another --user");
	kernel(SYS_getresuid, (long)&uid[0], (long)&uid[1], (long)&uid[2], 0, 0);
	/* Nobody else holds what is in the bounding set before something was executed. */
	if (uid[1] == 0)
		say(", or --cap-add=DAC_OVERRIDE, if the policy allows it");
}

/* Something on the way to a file is closed: the last directory that can still be looked at. */
static void hint_directory(char *word)
{
	struct stat found, directory;
	size_t closed = 0;

	for (size_t i = 1; word[i - 1]; i++) {
		char kept = word[i];

		if (kept && kept != '/')
			continue;
		word[i] = '\0';
		int error = look(word, &found);
		if (error && closed) {
			word[i] = kept;
			word[closed] = '\0';
			hint_mode(word, &directory, "entered");
			word[closed] = '/';
			return;
		}
		word[i] = kept;
		if (error)
			return;
		closed = i;
		directory = found;
	}
}

/*
 * A file that insists on capabilities (the effective flag) beyond the bounding set; the kernel does
 * not start it without them. Returns whether that is so. The attribute (struct vfs_cap_data,
 * revisions 1 and 2) is one of revision 3 where it counts for other user namespaces only.
 */
static int hint_capabilities(const char *path)
{
	uint32_t data[6] = {0};
	uint64_t needs = 0, missing = 0;
	long size = kernel(SYS_getxattr, (long)path, (long)"security.capability", (long)data,
			   sizeof data, 0);

	if (size == 20 && data[0] >> 24 == 2)
		needs = (uint64_t)data[3] << 32 | data[1];
	else if (size == 12 && data[0] >> 24 == 1)
		needs = data[1];
	for (int bit = 0; bit < 64; bit++)
		/* What the kernel does not know, it does not ask for. */
		if (needs >> bit & 1 && kernel(SYS_prctl, PR_CAPBSET_READ, bit, 0, 0, 0) == 0)
			missing |= (uint64_t)1 << bit;
	if (!missing)
		return 0;
	hint(path);
	say(" needs");
	say_names(missing, " ");
	put(':');
	say_names(missing, " --cap-add=");
	say(", if the policy allows it");
	return 1;
}

/* The program that the first line of a script names, NULL for anything else. */
static const char *interpreter(const char *path)
{
	static char start[256]; /* no more counts for the kernel: BINPRM_BUF_SIZE */
	struct stat found;
	long file, count;
	char *name = start + 2;

	/* Opening anything else could wait for somebody, or do something. */
	if (look(path, &found) != 0 || (found.mode & S_IFMT) != S_IFREG)
		return NULL;
	file = kernel(SYS_openat, AT_FDCWD, (long)path, O_RDONLY_CLOEXEC | O_NONBLOCK, 0, 0);
	if (file < 0)
		return NULL;
	count = kernel(SYS_read, file, (long)start, sizeof start - 1, 0, 0);
	start[count > 0 ? count : 0] = '\0';
	if (start[0] != '#' || start[1] != '!')
		return NULL;
	while (*name == ' ' || *name == '\t')
		name++;
	for (path = name; *name && *name != ' ' && *name != '\t' && *name != '\n';)
		name++;
	*name = '\0';
	return *path ? path : NULL;
}

/* The kernel has refused a file that may be executed: it or its interpreter lacks something. */
static void hint_refused(const char *path, int error)
{
	struct stat found;

	if (error == EPERM && hint_capabilities(path))
		return;
	if ((error != EPERM && error != EACCES && error != ENOENT) || !(path = interpreter(path)))
		return;
	if (error == EPERM) {
		hint_capabilities(path);
	} else if (error == ENOENT && look(path, &found) == ENOENT) {
		hint(path);
		say(", which the script names as its interpreter, does not exist");
	} else if (error == EACCES && look(path, &found) == 0) {
		hint_mode(path, &found, "executed");
	}
}

static void cannot_find(const char *word, const char *reason)
{
	say("saferun: exec: \"");
	say_word(word);
	say("\": ");
	say(reason);
}

/* A word with a slash is taken as it is. Ends when it cannot be executed. */
static void check(char *word)
{
	struct stat found;
	int missing = look(word, &found);
	int error = missing ? missing : executable(word, &found);

	if (!error)
		return;
	say("saferun: exec: \"");
	say_word(word);
	say("\": ");
	if (missing) {
		say("stat ");
		say_word(word);
		say(": ");
	}
	say_error(error);
	if (error == EACCES && missing)
		hint_directory(word);
	else if (error == EACCES)
		hint_mode(word, &found, "executed");
	end(error == ENOENT ? NOT_FOUND : CANNOT_BE_INVOKED);
}

/*
 * Write "directory/word" without what is lexically superfluous, as Go's filepath.Join does: it is
 * what a script sees as its $0, and `/link/..` means `/`. Returns 0 when it is too long.
 */
static int join(char path[PATH_MAX], const char *directory, size_t length, const char *word)
{
	int rooted = length > 0 && directory[0] == '/';
	size_t used = 0, i = 0;

	while (i < length) {
		const char *part = directory + i;
		size_t size = 0;

		while (i < length && directory[i++] != '/')
			size++;
		if (size == 0 || (size == 1 && part[0] == '.'))
			continue;
		if (rooted && size == 2 && part[0] == '.' && part[1] == '.') {
			while (used > 0 && path[--used] != '/')
				;
			continue;
		}
		if (used + 1 + size >= PATH_MAX)
			return 0;
		if (rooted || used > 0)
			path[used++] = '/';
		while (size-- > 0)
			path[used++] = *part++;
	}
	if (rooted || used > 0)
		path[used++] = '/';
	do {
		if (used == PATH_MAX)
			return 0;
		path[used++] = *word;
	} while (*word++);
	return 1;
}

/* A word without a slash is looked for in each directory of PATH. Ends when none has it. */
static char *search(const char *word, char **environment)
{
	static const char nowhere[] = "executable file not found in $PATH";
	static const char relative[] = "cannot run executable found relative to current directory";
	static char path[PATH_MAX], closed[PATH_MAX];
	const char *directory = NULL;
	struct stat found, its = {0};

	while (*environment && !directory)
		directory = after("PATH=", *environment++);
	if (!directory || !*directory) {
		cannot_find(word, nowhere);
		end(NOT_FOUND);
	}
	do {
		size_t length = 0;

		while (directory[length] && directory[length] != ':')
			length++;
		if (join(path, directory, length, word) && look(path, &found) == 0) {
			int error = executable(path, &found);

			if (!error && path[0] == '/')
				return path;
			if (!error) {
				cannot_find(word, relative);
				end(CANNOT_BE_INVOKED);
			}
			if (error == EACCES && !closed[0]) {
				memcpy(closed, path, sizeof closed);
				its = found;
			}
		}
		directory += length;
	} while (*directory++ == ':');
	cannot_find(word, nowhere);
	if (closed[0])
		hint_mode(closed, &its, "executed");
	end(NOT_FOUND);
}

/* ---- At the door ------------------------------------------------------------------------- */

/* No deadline is further off than this, unless it was made by another clock. */
enum { LONGEST_HOLD = 60 };

/*
 * Wait to be looked at, with the sets that the command will start from: until RELEASE comes, or
 * the deadline, which is absolute so that no later start of the container waits again. Whoever
 * looks sees by AT_THE_DOOR among the blocked signals (SigBlk in /proc/PID/status) that it waits;
 * those that are waited for the kernel does not show there.
 *
 * As PID 1 it gets only signals that it asks for, so what is sent to end it is waited for as well,
 * and ends it as it would end a command. Whatever else cuts the wait short (a filter, a freezer, a
 * clock that cannot be read) is as good as the deadline: its own look has been enough.
 */
static void hold(uint64_t deadline)
{
	const uint64_t awaited = 1ULL << (RELEASE - 1) | 1ULL << (SIGHUP - 1) |
				 1ULL << (SIGINT - 1) | 1ULL << (SIGQUIT - 1) |
				 1ULL << (SIGTERM - 1);
	const uint64_t blocked = awaited | 1ULL << (AT_THE_DOOR - 1);
	uint64_t now[2] = {0, 0}, left[2] = {0, 0}, before = 0;

	if (kernel(SYS_clock_gettime, CLOCK_REALTIME, (long)now, 0, 0, 0) != 0 ||
	    deadline <= now[0] || deadline - now[0] > LONGEST_HOLD)
		return;
	/* Counted from here: a clock that is set meanwhile changes nothing. */
	left[0] = deadline - now[0];
	if (kernel(SYS_rt_sigprocmask, SIG_BLOCK, (long)&blocked, (long)&before, sizeof before,
		   0) != 0)
		return;
	long number = kernel(SYS_rt_sigtimedwait, (long)&awaited, 0, (long)left, sizeof awaited, 0);
	kernel(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, sizeof before, 0);
	if (number > 0 && number != RELEASE)
		kernel(SYS_exit_group, 128 + number, 0, 0, 0, 0);
}

/* What is asked for beside the masks. */
struct required {
	int no_new_privs;
	uint64_t deadline; /* 0: no hold */
};

/* Returns what follows an item and its comma, or NULL when the text does not begin with it. */
static const char *after_item(const char *name, const char *text)
{
	const char *rest = after(name, text);

	if (!rest || !*rest)
		return rest;
	return *rest == ',' && rest[1] ? rest + 1 : NULL;
}

static int read_required(const char *text, struct required *required)
{
	const char *rest;

	if (!*text)
		return 0;
	if (same(text, "-"))
		return 1;
	if ((rest = after_item("nnp", text))) {
		required->no_new_privs = 1;
		text = rest;
	}
	if ((rest = after_item("linger", text))) {
		lingers = 1;
		text = rest;
	}
	if ((rest = after("hold=", text)) && *rest) {
		/* Up to 12 digits, which is more seconds than any clock has. */
		for (int i = 0; i < 12 && *rest >= '0' && *rest <= '9'; i++)
			required->deadline = required->deadline * 10 + (uint64_t)(*rest++ - '0');
		text = rest;
	}
	return !*text;
}

static int has_slash(const char *word)
{
	while (*word && *word != '/')
		word++;
	return *word == '/';
}

/* Called by _start with the stack as the kernel laid it out. */
__attribute__((used)) _Noreturn void gate(long *stack);

void gate(long *stack)
{
	long count = stack[0];
	char **words = (char **)(stack + 1);
	char **environment = words + count + 1;
	char **command = words + 5;
	char *path;
	struct required required = {0, 0};
	uint64_t root, other;

	if (count < 6 || !read_mask(words[1], &root) || !read_mask(words[2], &other) ||
	    !read_required(words[3], &required) || !same(words[4], "--"))
		refuse("saferun: usage: gate ROOT OTHER -|[nnp][,linger][,hold=SECONDS] -- COMMAND [ARG...]");
	judge(root, other, required.no_new_privs);

	path = command[0];
	if (has_slash(path))
		check(path);
	else
		path = search(path, environment);
	hold(required.deadline);
	int error = (int)-kernel(SYS_execve, (long)path, (long)command, (long)environment, 0, 0);
	say("saferun: exec ");
	say_word(path);
	say(": ");
	say_error(error);
	hint_refused(path, error);
	end(EXEC_FAILED);
}
