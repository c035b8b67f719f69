/* websocket.h: RFC 6455 as Pebble uses it for a command's input and output: the handshake's answer, frames in, frames out. */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H

#include "data.h"

enum websocket_kind {
	WEBSOCKET_DATA,      /* a piece of a binary message: data is data, whatever frames it came in */
	WEBSOCKET_TEXT,      /* a whole text message */
	WEBSOCKET_PING,      /* whole; to be answered with a pong of the same bytes */
	WEBSOCKET_CLOSE,     /* nothing follows */
};
struct websocket_event { enum websocket_kind kind; struct str bytes; };   /* valid until the next call */

enum { WEBSOCKET_CONTROL = 125 };   /* the most bytes that a ping or a close may carry */

/* A reader of frames; all zero at the start. */
struct websocket_reader {
	unsigned char head[10];
	size_t   n_head;                /* bytes of the head that have come */
	bool     inside;                /* the head is whole: `left` bytes of payload follow */
	uint64_t left;
	int      message;               /* the data message that is open: its opcode; 0: none */
	char     control[WEBSOCKET_CONTROL];
	size_t   n_control;
	struct buf text;                /* needs an arena */
};
/* Takes bytes off *in. 1: *event; 0: all was used and more is needed; -1 with ERR_INPUT for what the protocol or a limit forbids. */
int websocket_read(struct websocket_reader *, struct str *in, struct websocket_event *, struct err *);

/* Adds a frame as a client sends it, whole and masked. */
enum websocket_opcode { OPCODE_CONTINUATION = 0, OPCODE_TEXT = 1, OPCODE_BINARY = 2, OPCODE_CLOSE = 8, OPCODE_PING = 9, OPCODE_PONG = 10 };
int websocket_write(struct buf *, enum websocket_opcode, struct str payload, struct err *);

/* A fresh key for a handshake, and the answer that a server must give to it. */
int websocket_key(struct arena *, struct str *key, struct err *);
struct str websocket_accept(struct arena *, struct str key);

#endif
