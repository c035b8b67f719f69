"""A flame graph of instructions, from what callgrind counts: width is cost, each function stands on the one that called it.

    valgrind --tool=callgrind --separate-callers=40 --callgrind-out-file=counts build/musl-amd64/dispatch ...   (as the hook's dispatch)
    tests/flame.py counts "everything related, nothing to do" > flame.svg
"""
import html
import re
import sys

WIDTH, ROW, LEAST = 1200, 17, 2.5   # pixels; frames narrower than LEAST are left out


def stacks(path):
    """{(outermost, ..., function): instructions of its own}."""
    names, costs, function, call = {}, {}, None, False
    for line in open(path):
        if match := re.match(r"(c?)fn=\((\d+)\)(?: (.*))?$", line):
            if match[3]:
                names[match[2]] = match[3]
            if not match[1]:
                function = match[2]
        elif line.startswith("calls="):
            call = True
        elif re.match(r"[-+*\d]", line):
            if not call:
                costs[function] = costs.get(function, 0) + int(line.split()[-1])
            call = False
    found = {}
    for function, cost in costs.items():
        stack = tuple(reversed(re.sub(r"'\d+$", "", names[function]).split("'")))
        found[stack] = found.get(stack, 0) + cost
    return found


def tree(found):
    root = {"cost": 0, "below": {}}
    for stack, cost in found.items():
        node = root
        node["cost"] += cost
        for name in stack[stack.index("main") if "main" in stack else 0:]:
            node = node["below"].setdefault(re.sub(r"\.(isra|constprop|part)\.\d+", "", name), {"cost": 0, "below": {}})
            node["cost"] += cost
    return root


def depth(node, scale):
    return 1 + max((depth(n, scale) for n in node["below"].values() if n["cost"] * scale >= LEAST), default=0)


def draw(node, name, x, level, height, scale, out):
    width, y = node["cost"] * scale, height - (level + 1) * ROW
    if width < LEAST:
        return
    text = html.escape(name if len(name) * 6.2 < width else name[:max(0, int(width / 6.2) - 1)] + "…" if width > 25 else "")
    hue = 20 + sum(name.encode()) % 35
    out.append(f'<g><title>{html.escape(name)}: {node["cost"]:,} instructions</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" '
               f'fill="hsl({hue} 85% 70%)"/><text x="{x + 2:.1f}" y="{y + 12}">{text}</text></g>')
    for below, child in sorted(node["below"].items()):
        draw(child, below, x, level + 1, height, scale, out)
        x += child["cost"] * scale


def main():
    root = tree(stacks(sys.argv[1]))
    scale = WIDTH / root["cost"]
    height, out = (depth(root, scale) + 1) * ROW, []
    draw(root, sys.argv[2], 0, 0, height, scale, out)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11">'
          '<rect width="100%" height="100%" fill="white"/>')
    print("\n".join(out))
    print("</svg>")


main()
