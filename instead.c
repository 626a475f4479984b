/* What is linked into the release binary instead of the C library's own, which brings a tenth of the binary along: see
 * build.rs. Only what this program provably never needs is left out; what it needs of rarely is here in few bytes. Each one
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
int __stack_prot = 3; /* PROT_READ | PROT_WRITE */

/* Threads. A thread's stack, by which an overflow is told from other crashes, is refused (ENOSYS): an overflow is a crash
 * like others. The resolver's state is only pointed to, as names are asked of getent. */
int pthread_getattr_np(void) { return 38; }
__thread void *__libc_resp;

/* How many processors there are, by which malloc limits its arenas: eight for one. */
int __get_nprocs(void) { return 1; }
ALIAS(__get_nprocs_conf, __get_nprocs)
NEVER(__get_phys_pages)
NEVER(__get_avphys_pages)

/* Texts. The library has each of these up to six times, for processors of all kinds, and itself uses them at the start, for
 * paths and for errors; Rust has its own. */
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
