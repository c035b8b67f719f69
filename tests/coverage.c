/* coverage.c: in place of _exit() where branches are counted: a child that ends by it writes down what it has taken, too. */
void __gcov_dump(void);
_Noreturn void __real__exit(int code);
_Noreturn void __wrap__exit(int code);

_Noreturn void __wrap__exit(int code)
{
	__gcov_dump();
	__real__exit(code);
}
