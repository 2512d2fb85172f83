"""Every way in, of every feature: what the application answers and its OpenAPI document describes."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

import app.api
import app.gift_journey
import app.pages
import app.policy_edges
import distribution.api
import distribution.pages
import inventory.api
import inventory.appealing.appeal_edges
import inventory.cataloguing.catalogue_edges
import inventory.cataloguing.leaflet_pages
import inventory.counting.count_paper
import inventory.counting.stocktake_api
import inventory.counting.stocktake_edges
import inventory.importing.import_edges
import inventory.kitting.kit_bag_edges
import inventory.kitting.kit_edges
import inventory.moving.transfer_edges
import inventory.moving.transfer_pages
import inventory.papers.forms_edges
import inventory.papers.opening_edges
import inventory.place_edges
import inventory.receiving.pages
import inventory.receiving.scan_edges
import inventory.receiving.trace_edges
import inventory.releasing.look_pages
import inventory.releasing.release_api
import inventory.releasing.release_edges
import inventory.stock.stock_edges
import inventory.undoing.undo_edges
import inventory.wasting.waste_edges
import inventory.wasting.waste_pages
import labels.api
import labels.basket_edges
import labels.pages
import labels.photos
import labels.print_edges
import labels.reprint_edges
from app import assets

handlers: list[ControllerRouterHandler] = [
    *app.api.handlers,
    *app.pages.handlers,
    *app.gift_journey.handlers,
    *app.policy_edges.handlers,
    *labels.api.handlers,
    *labels.pages.handlers,
    *labels.photos.handlers,
    *labels.print_edges.handlers,
    *labels.reprint_edges.handlers,
    *labels.basket_edges.handlers,
    *inventory.api.handlers,
    *inventory.appealing.appeal_edges.handlers,
    *inventory.receiving.pages.handlers,
    *inventory.papers.forms_edges.handlers,
    *inventory.papers.opening_edges.handlers,
    *inventory.kitting.kit_edges.handlers,
    *inventory.kitting.kit_bag_edges.handlers,
    *inventory.cataloguing.leaflet_pages.handlers,
    *inventory.cataloguing.catalogue_edges.handlers,
    *inventory.importing.import_edges.handlers,
    *inventory.place_edges.handlers,
    *inventory.stock.stock_edges.handlers,
    *inventory.releasing.release_api.handlers,
    *inventory.releasing.release_edges.handlers,
    *inventory.releasing.look_pages.handlers,
    *inventory.receiving.scan_edges.handlers,
    *inventory.counting.stocktake_api.handlers,
    *inventory.counting.stocktake_edges.handlers,
    *inventory.counting.count_paper.handlers,
    *inventory.undoing.undo_edges.handlers,
    *inventory.receiving.trace_edges.handlers,
    *inventory.moving.transfer_edges.handlers,
    *inventory.moving.transfer_pages.handlers,
    *inventory.wasting.waste_edges.handlers,
    *inventory.wasting.waste_pages.handlers,
    *distribution.api.handlers,
    *distribution.pages.handlers,
    *assets.handlers,
]
