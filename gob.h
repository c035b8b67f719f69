/* gob.h: Go's net/rpc over gob, as far as the agent's socket needs it: bytes in, bytes out, no I/O.
 *
 * A call is a header and a body; each is preceded, the first time on a connection, by the definitions of its types. The numbers
 * of the types are the sender's own: ours are fixed, the agent's are learned from its definitions. */
#ifndef GOB_H
#define GOB_H

#include "data.h"

enum { MAX_REPLY = 64 << 20 };   /* bytes of one reply, definitions and all */

/* --- Calls of Jujuc.Main --- */
struct gob_call {
	uint64_t   seq;
	struct str context_id, dir, command;
	const char *const *args;       /* NULL ends them */
	struct str input;              /* NOSTR: the tool gets no stdin */
	struct str token;              /* NOSTR or "": the field is left out, as agents without TCP have it */
};
struct gob_writer {
	struct buf out;                /* the bytes to send; the caller may take them away */
	struct buf message;            /* the one being written */
	bool defined;                  /* our types are known to the agent */
};
struct gob_writer gob_writer_new(struct arena *);
void gob_call_write(struct gob_writer *, const struct gob_call *);

/* --- Replies --- */
struct gob_reply {
	uint64_t   seq;
	struct str error;              /* net/rpc's own: the call did not reach the tool; then the rest is empty */
	int64_t    code;
	struct str output, message;    /* stdout, stderr: they share the reader's bytes, which live as long as the arena */
};
struct gob_reader;                     /* one per connection: what came and is not used yet, and the types learned */
struct gob_reader *gob_reader_new(struct arena *);
/* Where the next bytes go: at least one has room. gob_reader_add then says how many came. */
char *gob_reader_room(struct gob_reader *, size_t *room);
void gob_reader_add(struct gob_reader *, size_t n);
/* 1: a whole reply. 0: more bytes are needed. -1, ERR_INPUT: this is no reply and never will be; the reader is of no more use. */
int gob_reply_next(struct gob_reader *, struct gob_reply *, struct err *);
/* Whether the peer has shown that it speaks: the header of a reply was read. */
bool gob_reader_spoke(const struct gob_reader *);

#endif
