// Command agent is an agent for the tests of the socket carrier, made of Go's own net/rpc as Juju's is.
//
//	agent FOLDER
//
// It listens on one socket in FOLDER for each way of answering, prints "ready", and ends when its standard input does.
package main

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Request3 and Request4 are the request as Juju 3 and Juju 4 declare it.
type Request3 struct {
	ContextId   string
	Dir         string
	CommandName string
	Args        []string
	StdinSet    bool
	Stdin       []byte
	Token       string
}

type Request4 struct {
	ContextId   string
	Dir         string
	CommandName string
	Args        []string
	StdinSet    bool
	Stdin       []byte
}

type ExecResponse struct {
	Code   int
	Stdout []byte
	Stderr []byte
}

// LaterResponse is what a later Juju might send.
type LaterResponse struct {
	Spans  map[string][]Span
	Stderr []byte
	When   time.Time
	Stdout []byte
	Ratio  float64
	Code   int
	More   *Span
}

type Span struct {
	Name  string
	Times [2]int64
}

func answer(req Request3, reply *ExecResponse) error {
	if req.ContextId != "app/0-test" {
		return errors.New("wrong context ID; got " + strconv.Quote(req.ContextId))
	}
	if !filepath.IsAbs(req.Dir) {
		return errors.New("bad request: Dir is not absolute")
	}
	number := 0
	if len(req.Args) > 0 {
		number, _ = strconv.Atoi(req.Args[0])
	}
	switch req.CommandName {
	case "echo":
		reply.Stdout = []byte(strings.Join(req.Args, "|"))
		if req.StdinSet {
			reply.Stdout = append(append(reply.Stdout, "<"...), req.Stdin...)
		}
	case "late": // the later of calls that travel together is answered first
		time.Sleep(time.Duration(20-number) * time.Millisecond)
		reply.Stdout = []byte(strconv.Itoa(number))
	case "long":
		reply.Stdout = []byte(strings.Repeat("x", number))
	case "code":
		reply.Code = number
		reply.Stderr = []byte("ERROR code\n")
	case "token":
		reply.Stdout = []byte(req.Token)
	case "refused":
		return errors.New("bad request: refused")
	case "new-tool":
		return errors.New("bad request: unknown command: new-tool")
	case "old-tool":
		return errors.New("unknown hook command: old-tool")
	default:
		return errors.New("bad request: command not specified")
	}
	return nil
}

type Jujuc3 struct{}

func (Jujuc3) Main(req Request3, reply *ExecResponse) error { return answer(req, reply) }

type Jujuc4 struct{}

func (Jujuc4) Main(req Request4, reply *ExecResponse) error {
	return answer(Request3{req.ContextId, req.Dir, req.CommandName, req.Args, req.StdinSet, req.Stdin, ""}, reply)
}

type JujucLater struct{}

func (JujucLater) Main(req Request4, reply *LaterResponse) error {
	var r ExecResponse
	err := Jujuc4{}.Main(req, &r)
	span := Span{"a", [2]int64{-1, 1 << 40}}
	*reply = LaterResponse{map[string][]Span{"x": {span, {}}}, r.Stderr, time.Now(), r.Stdout, 1.5, r.Code, &span}
	return err
}

// LaterHeader is the header with its fields in another order, and one more.
type LaterHeader struct {
	Error         string
	Hops          []string
	Seq           uint64
	ServiceMethod string
}

// laterCodec is net/rpc's gob codec with the other header; shift is added to the numbers of its replies,
// each of which may be sent twice.
type laterCodec struct {
	conn  io.ReadWriteCloser
	in    *gob.Decoder
	out   *gob.Encoder
	write *bufio.Writer
	shift uint64
	twice bool
}

func newLaterCodec(conn io.ReadWriteCloser, shift uint64, twice bool) *laterCodec {
	write := bufio.NewWriter(conn)
	return &laterCodec{conn, gob.NewDecoder(conn), gob.NewEncoder(write), write, shift, twice}
}

func (c *laterCodec) ReadRequestHeader(r *rpc.Request) error { return c.in.Decode(r) }
func (c *laterCodec) ReadRequestBody(body any) error         { return c.in.Decode(body) }
func (c *laterCodec) Close() error                           { return c.conn.Close() }
func (c *laterCodec) WriteResponse(r *rpc.Response, body any) error {
	if err := c.out.Encode(LaterHeader{r.Error, []string{"a", ""}, r.Seq + c.shift, r.ServiceMethod}); err != nil {
		return err
	}
	if err := c.out.Encode(body); err != nil {
		return err
	}
	if c.twice {
		c.out.Encode(LaterHeader{r.Error, nil, r.Seq + c.shift, r.ServiceMethod})
		c.out.Encode(body)
	}
	return c.write.Flush()
}

// pieces writes one byte at a time, and after `left` of them (-1: never) ends the connection.
type pieces struct {
	net.Conn
	left int
}

func (p *pieces) Write(b []byte) (int, error) {
	for i := range b {
		if p.left == 0 {
			p.Conn.Close()
			return i, io.ErrClosedPipe
		}
		p.left--
		if _, err := p.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	if p.left == 0 {
		p.Conn.Close()
	}
	return len(b), nil
}

func serve(conn io.ReadWriteCloser, jujuc any) {
	server := rpc.NewServer()
	server.RegisterName("Jujuc", jujuc)
	server.ServeConn(conn)
}

func serveLater(conn io.ReadWriteCloser, shift uint64, twice bool) {
	server := rpc.NewServer()
	server.RegisterName("Jujuc", JujucLater{})
	server.ServeCodec(newLaterCodec(conn, shift, twice))
}

// useTypes lets gob number so many types that ours come behind them, as in an agent that has used it for other things.
func useTypes(n int) {
	for i := 0; i < n; i++ {
		t := reflect.StructOf([]reflect.StructField{{Name: fmt.Sprintf("F%d", i), Type: reflect.TypeOf(0)}})
		if err := gob.NewEncoder(io.Discard).Encode(reflect.New(t).Interface()); err != nil {
			panic(err)
		}
	}
}

func main() {
	var cut, later int64
	ways := map[string]func(net.Conn){
		"v3":    func(c net.Conn) { serve(c, Jujuc3{}) },
		"v4":    func(c net.Conn) { serve(c, Jujuc4{}) },
		"later": func(c net.Conn) { serveLater(c, 0, false) },
		"bytes": func(c net.Conn) { serve(&pieces{c, -1}, Jujuc4{}) },
		// The n-th connection, from 0, ends after n bytes of replies.
		"cut":       func(c net.Conn) { serve(&pieces{c, int(atomic.AddInt64(&cut, 1)) - 1}, Jujuc4{}) },
		"cut-later": func(c net.Conn) { serveLater(&pieces{c, int(atomic.AddInt64(&later, 1)) - 1}, 0, false) },
		"numbers":   func(c net.Conn) { serveLater(c, 7, false) },
		"twice":     func(c net.Conn) { serveLater(c, 0, true) },
		"no-jujuc":  func(c net.Conn) { rpc.NewServer().ServeConn(c) },
		"text": func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
			c.Close()
		},
		"line": func(c net.Conn) { io.WriteString(c, "hello?\n") }, // and stays
		"hang": func(c net.Conn) { io.Copy(io.Discard, c) },
		"reset": func(c net.Conn) {
			c.Read(make([]byte, 10))
			c.Close()
		},
		"first": func(c net.Conn) { // answers the first call, and goes
			in, out := gob.NewDecoder(c), gob.NewEncoder(c)
			in.Decode(&rpc.Request{})
			in.Decode(&Request4{})
			out.Encode(rpc.Response{ServiceMethod: "Jujuc.Main"})
			out.Encode(ExecResponse{Stdout: []byte("first")})
			c.Close()
		},
		"limit": func(c net.Conn) { // a header, and then a body of 1 GiB
			c.Read(make([]byte, 1000))
			encoder := gob.NewEncoder(c)
			encoder.Encode(rpc.Response{ServiceMethod: "Jujuc.Main"})
			c.Write([]byte{0xfc, 0x40, 0, 0, 0})
		},
	}
	useTypes(40)
	folder := os.Args[1]
	for name, way := range ways {
		listen(filepath.Join(folder, name), way)
	}
	listen("@"+filepath.Join(folder, "abstract"), ways["v4"])
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

func listen(address string, way func(net.Conn)) {
	listener, err := net.Listen("unix", address)
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				panic(err)
			}
			go way(conn)
		}
	}()
}
