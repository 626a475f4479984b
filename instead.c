/* What is linked into the release binary instead of the C library's own, which brings a tenth of the binary along: see
 * build.rs. Only what this program provably never needs is left out; what it needs is here in few bytes. Each one
 * that a C library does not ask for is dropped, and where the library has more in the same object file, its own is linked. */

#include <stddef.h>

_Noreturn void abort(void);

/* Is never called. */
#define NEVER(name) \
    void name(void) { abort(); }
/* Has nothing to do: returns 0, or NULL. */
#define NOTHING(name) \
    void *name(void) { return NULL; }
#define ALIAS(name, of) __typeof__(of) name __attribute__((alias(#of)));

/* Unwinding. The program aborts on a panic and has no unwind tables, so that the trace of a panic has no frames
 * (_URC_END_OF_STACK). Threads are never cancelled. */
int _Unwind_Backtrace(void) { return 5; }
NEVER(_Unwind_ForcedUnwind)
NEVER(_Unwind_GetCFA)
NEVER(_Unwind_GetDataRelBase)
NEVER(_Unwind_GetIP)
NEVER(_Unwind_GetIPInfo)
NEVER(_Unwind_GetLanguageSpecificData)
NEVER(_Unwind_GetRegionStart)
NEVER(_Unwind_GetTextRelBase)
NEVER(_Unwind_Resume)
NEVER(_Unwind_SetGR)
NEVER(_Unwind_SetIP)
NEVER(__gcc_personality_v0)

/* Locales. The program never sets one: messages stay as they are, and neither the kinds of characters, nor wide ones, nor
 * character sets are ever asked for. */
const char *__dcgettext(const char *domain, const char *message) { return message; }
ALIAS(dcgettext, __dcgettext)
NOTHING(__ctype_init)
NEVER(__wcsmbs_load_conv)
NEVER(__wcsmbs_clone_conv)
NEVER(__wcsmbs_named_conv)
NEVER(__wcsmbs_getfct)
NEVER(_nl_cleanup_ctype)
void *__wcsmbs_gconv_fcts_c[4];

/* Standard I/O. Rust has its own. The library prints the statistics of malloc, and an error that it has no words for. */
void *stdout, *stderr;
NOTHING(_IO_cleanup)
NOTHING(_IO_enable_locks)
NOTHING(_IO_iter_begin)
NOTHING(_IO_iter_end)
NOTHING(_IO_iter_file)
NOTHING(_IO_iter_next)
NOTHING(_IO_list_lock)
NOTHING(_IO_list_resetlock)
NOTHING(_IO_list_unlock)
NOTHING(_IO_proc_file_chain_lock)
NOTHING(_IO_proc_file_chain_resetlock)
NOTHING(_IO_proc_file_chain_unlock)
NOTHING(_IO_fputs)
NOTHING(fputs)
NOTHING(fprintf)
NOTHING(__fprintf_chk)
NOTHING(fwrite)
int __vfprintf_internal(void) { return -1; }
int sprintf(char *to) { return *to = 0, -1; }
ALIAS(__sprintf_chk, sprintf)
int __snprintf(char *to, size_t size) { return size ? *to = 0, -1 : -1; }
ALIAS(__snprintf_chk, __snprintf)

/* The library's assertions abort without a word. */
NEVER(__assert_fail)
NEVER(__assert_fail_base)

/* Shared libraries. There are none. */
NOTHING(dlsym)
NOTHING(_dl_init_paths)
NEVER(_dl_mcount)
NEVER(_dl_start_profile)
NEVER(_dl_runtime_profile_avx)
NEVER(_dl_runtime_profile_avx512)
NEVER(_dl_runtime_profile_sse)
NEVER(_dl_runtime_resolve_fxsave)
NEVER(_dl_runtime_resolve_xsave)
NEVER(_dl_runtime_resolve_xsavec)
NEVER(_dl_exception_create)
NEVER(_dl_exception_create_format)
NEVER(_dl_exception_free)
NEVER(_dl_error_free)
int __stack_prot = 3; /* PROT_READ | PROT_WRITE */

/* What the start of a program has to say of the environment (LD_DEBUG and its like), and of what it cannot go on with. */
NOTHING(_dl_debug_printf)
NOTHING(_dl_debug_printf_c)
NOTHING(_dl_dprintf)
NOTHING(_dl_error_printf)
NOTHING(_dl_printf)
NEVER(_dl_fatal_printf)

/* Threads. A thread's stack, by which an overflow is told from other crashes, is refused (ENOSYS): an overflow is a crash
 * like others. The resolver's state is only pointed to, as names are asked of getent. */
int pthread_getattr_np(void) { return 38; }
__thread void *__libc_resp;

/* How many processors there are, by which malloc limits its arenas: eight for one. */
int __get_nprocs(void) { return 1; }
ALIAS(__get_nprocs_conf, __get_nprocs)
NEVER(__get_phys_pages)
NEVER(__get_avphys_pages)

/* Memory that is zero: thousands of small pieces, one for each attribute of what the kernel lists. The library's (glibc 2.36)
 * passes by the blocks that a thread has just freed, which costs the first run for 750 addresses some 5 % more instructions. */
void *malloc(size_t size);
void *memset(void *at, int byte, size_t size);
void *__libc_calloc(size_t count, size_t size);

enum { SMALL = 1024 };

void *calloc(size_t count, size_t size) {
    if (count > SMALL || size > SMALL || count * size > SMALL)
        return __libc_calloc(count, size);
    void *at = malloc(count * size);
    return at ? memset(at, 0, count * size) : at;
}

/* Bytes. The library has each of these up to ten times, for processors of all kinds: 24 KB, to be fast with what is long. Here
 * nearly all are shorter than 32 bytes. Both ends are read before any is written, since they may overlap. */
typedef unsigned char byte;
typedef unsigned short two __attribute__((may_alias, aligned(1)));
typedef unsigned int four __attribute__((may_alias, aligned(1)));
typedef unsigned long long eight __attribute__((may_alias, aligned(1)));
typedef unsigned long long vector __attribute__((may_alias, vector_size(16)));
typedef vector sixteen __attribute__((aligned(1)));

/* The first and the last of so many bytes, which are all of them if they are twice as many at most. */
#define ENDS(type)                                             \
    {                                                          \
        type first = *(const type *)from;                      \
        type last = *(const type *)(from + size - sizeof last); \
        *(type *)to = first;                                   \
        *(type *)(to + size - sizeof last) = last;             \
    }

static void move_long(byte *to, const byte *from, size_t size) {
    sixteen first = *(const sixteen *)from;
    size_t end = size - sizeof first;
    sixteen last = *(const sixteen *)(from + end);
    if ((size_t)(to - from) >= size)
        for (size_t at = 0; at < end; at += sizeof first)
            *(sixteen *)(to + at) = *(const sixteen *)(from + at);
    else
        for (size_t at = end; at > sizeof first; at -= sizeof first)
            *(sixteen *)(to + at - sizeof first) = *(const sixteen *)(from + at - sizeof first);
    *(sixteen *)to = first;
    *(sixteen *)(to + end) = last;
}

void *memmove(void *target, const void *source, size_t size) {
    byte *to = target;
    const byte *from = source;
    if (size > 32)
        move_long(to, from, size);
    else if (size >= 16)
        ENDS(sixteen)
    else if (size >= 8)
        ENDS(eight)
    else if (size >= 4)
        ENDS(four)
    else if (size >= 2)
        ENDS(two)
    else if (size)
        *to = *from;
    return target;
}
ALIAS(memcpy, memmove)

void *__mempcpy(void *to, const void *from, size_t size) { return (byte *)memmove(to, from, size) + size; }
ALIAS(mempcpy, __mempcpy)

void *memset(void *target, int value, size_t size) {
    byte *to = target;
    eight all = 0x0101010101010101ull * (byte)value;
    if (size >= 8) {
        for (size_t at = 0; at + 8 < size; at += 8)
            *(eight *)(to + at) = all;
        *(eight *)(to + size - 8) = all;
    } else
        while (size)
            to[--size] = (byte)value;
    return target;
}

/* As numbers, whose first byte counts most. */
static int order(eight a, eight b) {
    a = __builtin_bswap64(a);
    b = __builtin_bswap64(b);
    return a < b ? -1 : a > b;
}

int memcmp(const void *left, const void *right, size_t size) {
    const byte *a = left, *b = right;
    for (; size >= 8; a += 8, b += 8, size -= 8)
        if (*(const eight *)a != *(const eight *)b)
            return order(*(const eight *)a, *(const eight *)b);
    if (size >= 4) {
        if (*(const four *)a != *(const four *)b)
            return order(*(const four *)a, *(const four *)b);
        a += 4, b += 4, size -= 4;
    }
    for (; size; a++, b++, size--)
        if (*a != *b)
            return *a - *b;
    return 0;
}
ALIAS(bcmp, memcmp)
ALIAS(__memcmpeq, memcmp)

/* Texts. The library has each of these up to six times, too, and itself uses them at the start, for paths and for errors;
 * Rust has its own. */
int strncmp(const char *a, const char *b, size_t most) {
    while (most && *a && *a == *b)
        a++, b++, most--;
    return most ? (unsigned char)*a - (unsigned char)*b : 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, (size_t)-1); }

char *__stpcpy(char *to, const char *from) {
    while ((*to = *from++))
        to++;
    return to;
}
ALIAS(stpcpy, __stpcpy)

char *strcpy(char *to, const char *from) {
    __stpcpy(to, from);
    return to;
}

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

size_t __strnlen(const char *text, size_t most) {
    size_t length = 0;
    while (length < most && text[length])
        length++;
    return length;
}
ALIAS(strnlen, __strnlen)

char *__rawmemchr(const char *text, int wanted) {
    while (*text != (char)wanted)
        text++;
    return (char *)text;
}

char *__strchrnul(const char *text, int wanted) {
    while (*text && *text != (char)wanted)
        text++;
    return (char *)text;
}

char *strchr(const char *text, int wanted) {
    text = __strchrnul(text, wanted);
    return *text == (char)wanted ? (char *)text : NULL;
}

char *strrchr(const char *text, int wanted) {
    const char *last = NULL;
    do
        if (*text == (char)wanted)
            last = text;
    while (*text++);
    return (char *)last;
}

char *strstr(const char *text, const char *wanted) {
    size_t length = __strnlen(wanted, (size_t)-1);
    while (strncmp(text, wanted, length))
        if (!*text++)
            return NULL;
    return (char *)text;
}

/* The library takes variables away at the start of a program that is set-user-ID, and brings a search tree for it. */
extern char **__environ;

int __unsetenv(const char *name) {
    size_t length = strlen(name);
    char **kept = __environ;
    for (char **each = __environ; each && *each; each++)
        if (strncmp(*each, name, length) || (*each)[length] != '=')
            *kept++ = *each;
    if (kept)
        *kept = NULL;
    return 0;
}
ALIAS(unsetenv, __unsetenv)

/* Decimals: the library reads files of /proc and /sys by it. */
long strtol(const char *text, char **end) {
    long number = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        number = 10 * number + *text - '0';
    if (end)
        *end = (char *)text;
    return number;
}
ALIAS(__isoc23_strtol, strtol)
