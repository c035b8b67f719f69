/* websocket.c: websocket frames of a client, in any number of pieces.
 *
 * The reader hands binary data on as it comes, so a command's output needs no room here, however long its frames are. */
#include "websocket.h"

#include <string.h>

#include "crypto.h"
#include "pebble.h"

enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASK = 0x80, LENGTH = 0x7f, LENGTH_16 = 126, LENGTH_64 = 127 };

static bool is_control(int opcode)
{
	return opcode >= OPCODE_CLOSE;
}

/* The size of the head, as far as the bytes that have come tell. */
static size_t head_size(const struct websocket_reader *r)
{
	int length = r->n_head > 1 ? r->head[1] & LENGTH : 0;

	return length == LENGTH_64 ? 10 : length == LENGTH_16 ? 4 : 2;
}

static int frame_begin(struct websocket_reader *r, struct err *err)
{
	int opcode = r->head[0] & OPCODE;
	bool fin = r->head[0] & FIN;

	r->left = r->head[1] & LENGTH;
	if (r->left >= LENGTH_16) {
		r->left = 0;
		for (size_t i = 2; i < r->n_head; i++)
			r->left = r->left << 8 | r->head[i];
	}
	if (r->head[0] & RESERVED)
		return err_set(err, ERR_INPUT, "websocket: an extension that nobody asked for");
	if (r->head[1] & MASK)
		return err_set(err, ERR_INPUT, "websocket: a masked frame from a server");
	if (is_control(opcode)) {
		if (opcode > OPCODE_PONG || !fin || r->left > WEBSOCKET_CONTROL)
			return err_set(err, ERR_INPUT, "websocket: a bad control frame");
		r->n_control = 0;
	} else {
		if (opcode > OPCODE_BINARY || (opcode == OPCODE_CONTINUATION) != (r->message != 0))
			return err_set(err, ERR_INPUT, "websocket: a frame out of order");
		if (opcode != OPCODE_CONTINUATION) {
			r->message = opcode;
			r->text.n = 0;
		}
		if (r->left > MAX_FRAME)
			return err_set(err, ERR_INPUT, "websocket: a frame of over %d bytes", MAX_FRAME);
		if (r->message == OPCODE_TEXT && r->text.n + r->left > MAX_MESSAGE)
			return err_set(err, ERR_INPUT, "websocket: a text of over %d bytes", MAX_MESSAGE);
	}
	r->inside = true;
	return 0;
}

/* The frame's payload is complete: what came of it. 1 with an event, 0 without. */
static int frame_end(struct websocket_reader *r, struct websocket_event *event)
{
	int opcode = r->head[0] & OPCODE;
	bool text = r->message == OPCODE_TEXT;

	r->inside = false;
	r->n_head = 0;
	switch (opcode) {
	case OPCODE_CLOSE:
		*event = (struct websocket_event){ WEBSOCKET_CLOSE, { r->control, r->n_control } };
		return 1;
	case OPCODE_PING:
		*event = (struct websocket_event){ WEBSOCKET_PING, { r->control, r->n_control } };
		return 1;
	case OPCODE_PONG:
		return 0;
	default:
		if (!(r->head[0] & FIN))
			return 0;
		r->message = 0;
		*event = (struct websocket_event){ WEBSOCKET_TEXT, buf_str(&r->text) };
		return text;
	}
}

int websocket_read(struct websocket_reader *r, struct str *in, struct websocket_event *event, struct err *err)
{
	for (;;) {
		struct str piece;

		while (!r->inside && in->n > 0) {
			r->head[r->n_head++] = (unsigned char)in->p[0];
			*in = str_sub(*in, 1, in->n);
			if (r->n_head == head_size(r) && frame_begin(r, err) < 0)
				return -1;
		}
		if (!r->inside)
			return 0;
		piece = str_sub(*in, 0, in->n < r->left ? in->n : (size_t)r->left);
		*in = str_sub(*in, piece.n, in->n);
		r->left -= piece.n;
		if (is_control(r->head[0] & OPCODE)) {
			if (piece.n)
				memcpy(r->control + r->n_control, piece.p, piece.n);
			r->n_control += piece.n;
		} else if (r->message == OPCODE_TEXT) {
			buf_add(&r->text, piece);
		} else if (piece.n > 0) {
			if (r->left == 0)
				frame_end(r, event);
			*event = (struct websocket_event){ WEBSOCKET_DATA, piece };
			return 1;
		}
		if (r->left > 0)
			return 0;
		if (frame_end(r, event))
			return 1;
	}
}

int websocket_write(struct buf *b, enum websocket_opcode opcode, struct str payload, struct err *err)
{
	unsigned char head[14] = { (unsigned char)(FIN | opcode), MASK };
	unsigned char *mask;
	size_t n = 2;

	if (payload.n < LENGTH_16) {
		head[1] |= (unsigned char)payload.n;
	} else {
		size_t bytes = payload.n <= 0xffff ? 2 : 8;
		head[1] |= bytes == 2 ? LENGTH_16 : LENGTH_64;
		while (bytes-- > 0)
			head[n++] = (unsigned char)((uint64_t)payload.n >> 8 * bytes);
	}
	mask = head + n;
	if (crypto_kernel(mask, 4, err) < 0)
		return -1;
	buf_add(b, (struct str){ (const char *)head, n + 4 });
	buf_add(b, payload);
	for (size_t i = 0; i < payload.n; i++)
		b->p[b->n - payload.n + i] ^= (char)mask[i % 4];
	return 0;
}

int websocket_key(struct arena *arena, struct str *key, struct err *err)
{
	char bytes[16];

	if (crypto_kernel(bytes, sizeof bytes, err) < 0)
		return -1;
	*key = base64_encode(arena, (struct str){ bytes, sizeof bytes });
	return 0;
}

struct str websocket_accept(struct arena *arena, struct str key)
{
	return base64_encode(arena, sha1_bytes(arena, str_f(arena, FMT "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", ARG(key))));
}
