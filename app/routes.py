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
import inventory.appeal_edges
import inventory.catalogue_edges
import inventory.forms_edges
import inventory.import_edges
import inventory.kit_bag_edges
import inventory.kit_edges
import inventory.leaflet_pages
import inventory.opening_edges
import inventory.pages
import inventory.place_edges
import inventory.release_api
import inventory.release_edges
import inventory.scan_edges
import inventory.stock_edges
import inventory.stocktake_api
import inventory.stocktake_edges
import inventory.trace_edges
import inventory.transfer_edges
import inventory.transfer_pages
import inventory.undo_edges
import inventory.waste_edges
import inventory.waste_pages
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
    *inventory.appeal_edges.handlers,
    *inventory.pages.handlers,
    *inventory.forms_edges.handlers,
    *inventory.opening_edges.handlers,
    *inventory.kit_edges.handlers,
    *inventory.kit_bag_edges.handlers,
    *inventory.leaflet_pages.handlers,
    *inventory.catalogue_edges.handlers,
    *inventory.import_edges.handlers,
    *inventory.place_edges.handlers,
    *inventory.stock_edges.handlers,
    *inventory.release_api.handlers,
    *inventory.release_edges.handlers,
    *inventory.scan_edges.handlers,
    *inventory.stocktake_api.handlers,
    *inventory.stocktake_edges.handlers,
    *inventory.undo_edges.handlers,
    *inventory.trace_edges.handlers,
    *inventory.transfer_edges.handlers,
    *inventory.transfer_pages.handlers,
    *inventory.waste_edges.handlers,
    *inventory.waste_pages.handlers,
    *distribution.api.handlers,
    *distribution.pages.handlers,
    *assets.handlers,
]
