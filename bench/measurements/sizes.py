"""A small sync as the collection grows, up to 200,000 cards and a million reviews."""

from contextlib import ExitStack
from typing import Final

from bench.device import Device
from bench.figures import slope
from bench.measurements.measurement import Measurement
from bench.measurements.synced_pair import Cost, cost_of_sync
from bench.results import Metric
from bench.sample_collections import Recipe, sample_collection
from bench.servers import Server
from bench.workbench import Workbench

CHANGED_NOTES: Final = 5
GROWING: Final = tuple(Recipe(notes=notes) for notes in (1_000, 10_000, 100_000))
BIG: Final = Recipe(notes=100_000, cards_per_note=2, reviews_per_card=5)
RECIPES: Final = (*GROWING, BIG)

Devices = dict[Recipe, Device]


def _run(bench: Workbench) -> None:
    with bench.both_servers(accounts=len(RECIPES)) as servers, ExitStack() as opened:
        devices = {
            name: {recipe: _device(bench, opened, server, recipe) for recipe in RECIPES}
            for name, server in servers.items()
        }
        for name in bench.turns(bench.scale.rounds):
            _one_round(bench, servers[name], devices[name])


def _device(bench: Workbench, opened: ExitStack, server: Server, recipe: Recipe) -> Device:
    device = opened.enter_context(Device(bench.new_folder("device"), sample_collection(recipe)))
    device.login(server, server.new_account())
    device.upload()
    _change_and_sync(server, device)  # the first one after an upload opens the collection
    return device


def _change_and_sync(server: Server, device: Device) -> Cost:
    device.change_notes(CHANGED_NOTES)
    return cost_of_sync(server, device)


def _one_round(bench: Workbench, server: Server, devices: Devices) -> None:
    costs = {recipe: _change_and_sync(server, device) for recipe, device in devices.items()}
    for recipe in GROWING:
        metric = Metric(f"size.{recipe.notes}.cpu", f"{recipe.notes:,} notes: server's CPU", "ms")
        bench.record(metric, server.name, costs[recipe].cpu)
    grows = slope([(recipe.notes / 1000, costs[recipe].cpu * 1000) for recipe in GROWING])
    metric = Metric("size.slope", "server's CPU for each 1,000 notes more", "µs")
    bench.record(metric, server.name, grows)
    title = "200,000 cards, a million reviews"
    bench.record(Metric("size.big.wall", f"{title}: time", "ms"), server.name, costs[BIG].wall)
    cpu = Metric("size.big.cpu", f"{title}: server's CPU", "ms")
    bench.record(cpu, server.name, costs[BIG].cpu)


SIZES: Final = Measurement("sizes", "Five changed notes, by the size of the collection", _run)
