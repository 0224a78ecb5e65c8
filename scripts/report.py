"""Tables and pictures out of a result file of `bench`."""

from statistics import median

from node import require

# One colour for each server, whatever picture it is in; told apart by colour-blind readers too.
COLOURS = ["#d1495b", "#30638e", "#edae49", "#003d5b", "#66a182"]


def medians(result):
    """{(cores, scenario, server): {measure: median over rounds}}, with `_low` and `_high` beside each."""
    out = {}
    for row in result["results"]:
        figures = out[row["cores"], row["scenario"], row["server"]] = {}
        for measure in ("ops", "cpu_us", "p50", "p99", "p999"):
            values = [sample[measure] for sample in row["rounds"] if sample[measure] is not None]
            if values:
                figures[measure] = median(values)
                figures[measure + "_low"], figures[measure + "_high"] = min(values), max(values)
    return out


def in_order(result, key):
    """The values of `key` in the order in which they first occur."""
    return list(dict.fromkeys(row[key] for row in result["results"]))


def print_table(result, ruler=None):
    """The medians as text. The ruler for CPU, unless told, is valkey where it was measured, else the last server."""
    figures = medians(result)
    servers = in_order(result, "server")
    ruler = ruler or next((server for server in servers if server.startswith("valkey")), servers[-1])
    print(f"\nload: {result['load_generator']}, {result['options']['mode']}; median of {result['options']['rounds']} rounds")
    print(f"{'':12s} {'':26s} {'CPU us/req':>10s} {'x ' + ruler.split()[0]:>16s} {'req/s':>11s} {'p50 ms':>8s} {'p99 ms':>8s} {'p99.9':>8s}")
    for cores in in_order(result, "cores"):
        print(f"-- {cores} core{'s' * (cores > 1)} for the server")
        for scenario in in_order(result, "scenario"):
            for server in servers:
                row = figures.get((cores, scenario, server))
                if not row:
                    continue
                base = figures.get((cores, scenario, ruler), {}).get("cpu_us")
                ratio = f"{row['cpu_us'] / base:.2f}" if base else "-"
                late = "".join(f" {row[m]:8.2f}" if m in row else f" {'-':>8s}" for m in ("p50", "p99", "p999"))
                print(f"{scenario:12s} {server:26s} {row['cpu_us']:10.3f} {ratio:>16s} {row['ops']:11,.0f}{late}")


def draw(result, path):
    """Writes three PNGs beside `path` (a result file): throughput, CPU per request, latency. Returns their paths."""
    matplotlib = require("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True})
    figures = medians(result)
    pictures = [
        ("throughput", [("ops", "requests per second (higher is better)")]),
        ("cpu", [("cpu_us", "CPU microseconds per request, kernel included (lower is better)")]),
        ("latency", [("p50", "median latency, ms"), ("p99", "p99 latency, ms"), ("p999", "p99.9 latency, ms")]),
    ]
    written = []
    for name, measures in pictures:
        measures = [(m, title) for m, title in measures if any(m in row for row in figures.values())]
        cores = in_order(result, "cores")
        size = (6.2 * len(measures) + 1, 3.6 * len(cores) + 1.2)
        figure, grid = pyplot.subplots(len(cores), len(measures), figsize=size, squeeze=False)
        for row, count in zip(grid, cores):
            for axes, (measure, title) in zip(row, measures):
                bars(axes, result, figures, count, measure)
                axes.set_title(f"{title}\n{count} core{'s' * (count > 1)} for the server", loc="left", fontsize=10)
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncol=len(labels), frameon=False)
        caption = f"{result['host']['cpu']}, Linux {result['host']['kernel']}, {result['options']['mode']}, commit {result['commit']}, {result['date']}"
        figure.suptitle(caption, fontsize=8, color="#555555")
        figure.tight_layout(rect=(0, 0.06, 1, 0.98))
        picture = path.with_name(f"{path.stem}-{name}.png")
        figure.savefig(picture, dpi=130)
        pyplot.close(figure)
        written.append(picture)
    return written


def bars(axes, result, figures, cores, measure):
    """One group of bars for each scenario, one bar for each server; whiskers from the least to the most of the rounds."""
    scenarios, servers = in_order(result, "scenario"), in_order(result, "server")
    width = 0.8 / len(servers)
    for index, server in enumerate(servers):
        rows = [figures.get((cores, scenario, server), {}) for scenario in scenarios]
        heights = [row.get(measure, 0) for row in rows]
        low = [row.get(measure, 0) - row.get(measure + "_low", 0) for row in rows]
        high = [row.get(measure + "_high", 0) - row.get(measure, 0) for row in rows]
        places = [place + (index - (len(servers) - 1) / 2) * width for place in range(len(scenarios))]
        colour = COLOURS[index % len(COLOURS)]
        drawn = axes.bar(places, heights, width * 0.92, yerr=[low, high], color=colour, label=server, error_kw={"lw": 0.8, "ecolor": "#333333"})
        axes.bar_label(drawn, [short(height) for height in heights], fontsize=7, padding=2, rotation=90)
    axes.set_xticks(range(len(scenarios)), scenarios)
    axes.margins(y=0.22)
    axes.grid(axis="y", color="#e5e5e5")
    axes.yaxis.set_major_formatter(lambda value, _: short(value))


def short(value):
    """A number as people say it."""
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"
