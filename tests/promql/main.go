// The injector against Prometheus' own parser: on the expressions of Prometheus' own tests, read from the module as it was fetched, on
// what random changes make of them, and on random ones.
//
//	promql INJECT PROMETHEUS [ROUNDS [SEED]]
//
// INJECT is inject.c built, PROMETHEUS the folder of the module. What the parser takes, the injector must take: its answer parses, has
// the matchers in every selector, and is the same tree without them. What the parser refuses, the injector must refuse.
package main

import (
	"bufio"
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

var matchers = map[string]string{"juju_model": `a "quoted" \ name`, "juju_application": "shop"}

// Everything that a flag of Prometheus could switch on, other than names that are not ASCII.
var prometheus = parser.NewParser(parser.Options{EnableExperimentalFunctions: true, EnableBinopFillModifiers: true})

type injector struct {
	in  io.Writer
	out *bufio.Reader
}

func start(path string) (*injector, error) {
	args := []string{"promql"}
	for name, value := range matchers {
		args = append(args, name+"="+value)
	}
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &injector{in, bufio.NewReader(out)}, cmd.Start()
}

func (i *injector) inject(query string) (answer string, ok bool) {
	fmt.Fprintf(i.in, "%d\n%s", len(query), query)
	line, err := i.out.ReadString('\n')
	if err != nil {
		fmt.Printf("the injector died on %q\n", query)
		os.Exit(1)
	}
	length, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	text := make([]byte, length)
	if _, err := io.ReadFull(i.out, text); err != nil {
		os.Exit(1)
	}
	return string(text), line[0] == '+'
}

// strip takes our matchers out of every selector; false if one lacks them.
func strip(expr parser.Expr) bool {
	complete := true
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		vs, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		found := map[string]bool{}
		vs.LabelMatchers = slices.DeleteFunc(vs.LabelMatchers, func(m *labels.Matcher) bool {
			value, ours := matchers[m.Name]
			ours = ours && m.Type == labels.MatchEqual && m.Value == value && !found[m.Name]
			if ours {
				found[m.Name] = true
			}
			return ours
		})
		complete = complete && len(found) == len(matchers)
		return nil
	})
	return complete
}

// verdict is empty if the injector did right with the query.
func (i *injector) verdict(query string) (verdict string, valid bool) {
	want, err := prometheus.ParseExpr(query)
	answer, ok := i.inject(query)
	switch {
	case !ok && (strings.Contains(answer, "nests too deeply") || strings.Contains(answer, "has more than")):
		return "", err == nil // our limits
	case err != nil && ok:
		return fmt.Sprintf("accepted as %q, but: %v", answer, err), false
	case err != nil:
		return "", false
	case !ok:
		return "refused: " + answer, true
	}
	got, err := prometheus.ParseExpr(answer)
	if err != nil {
		return fmt.Sprintf("became %q: %v", answer, err), true
	}
	if !strip(got) {
		return fmt.Sprintf("became %q: a selector lacks a matcher", answer), true
	}
	if parser.Tree(got) != parser.Tree(want) || got.String() != want.String() {
		return fmt.Sprintf("became %q: another tree", answer), true
	}
	return "", true
}

// literals of a Go file, with sums of literals as one.
func literals(path string) (found []string) {
	file, err := goparser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return nil
	}
	var value func(ast.Expr) (string, bool)
	value = func(e ast.Expr) (string, bool) {
		switch e := e.(type) {
		case *ast.BasicLit:
			s, err := strconv.Unquote(e.Value)
			return s, err == nil && e.Kind == token.STRING
		case *ast.BinaryExpr:
			a, okA := value(e.X)
			b, okB := value(e.Y)
			return a + b, okA && okB && e.Op == token.ADD
		}
		return "", false
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if e, ok := node.(ast.Expr); ok {
			if s, ok := value(e); ok {
				found = append(found, s)
				return false
			}
		}
		return true
	})
	return found
}

var evalLine = regexp.MustCompile(`^\s*eval(?:_\w+)? (?:instant at \S+|range from \S+ to \S+ step \S+)\s+(.*)$`)

// published are the expressions in Prometheus' tests, right ones and wrong ones.
func published(dir string) (found []string) {
	sources, _ := filepath.Glob(filepath.Join(dir, "promql", "parser", "*_test.go"))
	more, _ := filepath.Glob(filepath.Join(dir, "promql", "*_test.go"))
	for _, path := range append(sources, more...) {
		found = append(found, literals(path)...)
	}
	scripts, _ := filepath.Glob(filepath.Join(dir, "promql", "promqltest", "testdata", "*.test"))
	for _, path := range scripts {
		text, _ := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			if m := evalLine.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
				found = append(found, m[1])
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

var fragments = strings.Fields(`foo bar:baz up {} {a="b"} foo{a="b",} {"foo"} {"foo","x"!="y"} a="b" c=~"d.*" c=~"(" c!~"x+" "text" 'text' 1 0 -1 .5 5m 1h30m 0x1f 1e3
	Inf NaN inf 5.e1 1_000 010 + - * / % ^ == != < <= > >= </ >/ and or unless atan2 bool on(a) ignoring(a,b) on() group_left(x) group_right()
	group_left fill(0) fill_left(1) fill_right(-2) fill by(a) without(b,c) by("q") by(by) by(without) by sum avg( sum( topk(3, quantile(0.9, count_values("v", rate( histogram_quantile(
	label_replace( info( time() start() end() step() range() max_of( vector( scalar( round( hour() [5m] [5m:1m] [1h:] [5m+1m] [(5m)] [step()] [-5m]
	offset offset#5m offset#-5m offset#(5m) offset#-(5m) offset#--5m offset#step() offset#max_of(1,2) offset#0 @#5 @#-1.5 @#start() @#end() anchored smoothed
	( ) ( ) , , { } [ ] : ; # #c`)

const bytes = "(){}[],:\"'`+-*/^@# \n=~!<>09aeoxs._\\\xff"

// random is a query that may well be none.
func random(r *rand.Rand) string {
	var words []string
	for range 1 + r.Intn(9) {
		words = append(words, strings.ReplaceAll(fragments[r.Intn(len(fragments))], "#", " "))
	}
	return strings.Join(words, []string{" ", " ", "", "\n"}[r.Intn(4)])
}

// expression is a query that has a fair chance to be one.
func expression(r *rand.Rand, depth int) string {
	pick := func(list ...string) string { return list[r.Intn(len(list))] }
	sub := func() string { return expression(r, depth-1) }
	if depth <= 0 {
		return pick("foo", `foo{a="b"}`, `{a="b",}`, "up", "1", "5m", `{"foo"}`, "sum", "by", "offset", "bar:baz", "step", "foo # c\n", "foo offset 5m", "foo @ 3")
	}
	switch r.Intn(12) {
	case 0, 1, 2:
		return sub() + " " + pick("+", "-", "*", "/", "%", "^", "atan2", "> bool", "==", "!=", "<=", "and", "or", "unless", "</", ">/") + " " +
			pick("", "", "", "on(a) ", "ignoring(a) ", "on(a) group_left(b) ", "on(a) group_right ", "ignoring() fill(0) ", "fill_left(1) fill_right(2) ") + sub()
	case 3:
		return pick("sum", "avg", "max", "count", "group") + pick("", " by (a)", " without (a, b)") + "(" + sub() + ")"
	case 4:
		return pick("topk", "quantile", "limitk") + "(" + pick("3", "scalar(foo)", sub()) + ", " + sub() + ")" + pick("", " by (a)")
	case 5:
		return pick("rate", "increase", "sum_over_time", "absent_over_time") + "(" + pick("foo", `{a="b"}`, `foo{}`, "up") + pick("[5m]", "[1h:5m]", "[5m] offset 1m", "[5m+step()]", " offset 0s[5m]", "[1h:] @ end()") + ")"
	case 6:
		return "(" + sub() + ")" + pick("", "[5m:]", "[1h:1m] offset 5m", "[5m]")
	case 7:
		return pick("abs", "absent", "hour", "scalar", "vector", "timestamp") + "(" + sub() + ")"
	case 8:
		return pick("-", "+", "--", "- ") + sub()
	case 9:
		return sub() + pick(" offset 5m", " offset -1h + 3", " offset (5m) + 3", " offset -(5m) ^ 2", " @ 5", " @ start()", " offset 5m offset 5m", " anchored", " smoothed")
	case 10:
		return "max_over_time(" + sub() + "[1h:])"
	}
	return sub()
}

var pieces = strings.Fields(`a b - ] [ [^ a-z [a-c] [^]x] [[:alpha:]] [[:^digit:]] [[:nope:]] [\d-z] [b-a] [] ( ( ) ) (?: (?i) (?i: (?-s) (?i-) (?P<n> (?<m> (?P<n (?= . .* * + ? *? +?
	?? {2} {2,} {2,3} {3,2} {1001} {500} {,2} {01} {0} {0,1} {a} { } | | ^ $ \A \z \Z \b \B \d \W \pL \p{Greek} \PN \px \p{^Lu} \p{ \Qa*\E \Q \E \x41 \x{1F600} \x{110000} \x4 \0 \01 \1 \12
	\_ \é \n \e \- \ é 世`)

// pattern is a selector with a regular expression that may well be none.
func pattern(r *rand.Rand) string {
	var text strings.Builder
	for range r.Intn(8) {
		text.WriteString(pieces[r.Intn(len(pieces))])
	}
	return "{a" + []string{"=~", "!~"}[r.Intn(2)] + "`" + text.String() + "`}"
}

// change is a query with one of its bytes or words changed.
func change(r *rand.Rand, query string) string {
	if query == "" {
		return "("
	}
	at := r.Intn(len(query))
	switch r.Intn(5) {
	case 0:
		return query[:at] + query[at+1:]
	case 1:
		return query[:at] + strings.ReplaceAll(fragments[r.Intn(len(fragments))], "#", " ") + query[at:]
	case 2:
		return query[:at]
	case 3:
		return query[:at] + string(bytes[r.Intn(len(bytes))]) + query[at+1:]
	}
	to := at + r.Intn(len(query)-at)
	return query[:at] + query[to:] + query[at:to]
}

func main() {
	rounds, seed := 60000, int64(1)
	if len(os.Args) > 3 {
		rounds, _ = strconv.Atoi(os.Args[3])
	}
	if len(os.Args) > 4 {
		seed, _ = strconv.ParseInt(os.Args[4], 10, 64)
	}
	injector, err := start(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	passed, failed := 0, 0
	try := func(kind string, queries []string) (valid []string) {
		for _, query := range queries {
			verdict, ok := injector.verdict(query)
			if ok {
				valid = append(valid, query)
			}
			if verdict == "" {
				passed++
			} else if failed++; failed <= 40 {
				fmt.Printf("%s %q: %s\n", kind, query, verdict)
			}
		}
		fmt.Printf("%s: %d queries, %d of them valid\n", kind, len(queries), len(valid))
		return valid
	}
	base := published(os.Args[2])
	valid := try("published", base)
	if len(valid) < 800 {
		failed++
		fmt.Println("Prometheus' tests were not found")
	}
	r := rand.New(rand.NewSource(seed))
	var changed, generated, patterns, noise []string
	for range rounds {
		changed = append(changed, change(r, valid[r.Intn(len(valid))]))
		generated = append(generated, expression(r, 1+r.Intn(4)))
		patterns = append(patterns, pattern(r))
		noise = append(noise, random(r))
	}
	try("changed", changed)
	try("generated", generated)
	try("patterns", patterns)
	try("noise", noise)
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
